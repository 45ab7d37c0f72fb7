import { Secret } from '@cloudscan/config';
import type { ScanEvents, ScanSignal } from '@cloudscan/orchestration';
import { silentLogger } from '@cloudscan/telemetry';
import { eventually, newId, requires, startRedis, testDatabase } from '@cloudscan/testing';
import type { ExecutionContext, TestFn } from 'ava';
import test from 'ava';
import { PgScanEvents } from '../src/pg-scan-events.ts';
import { createRedis, connectRedis } from '../src/redis-connection.ts';
import { RedisScanEvents } from '../src/redis-scan-events.ts';

/** Two processes on one bus; `interrupt` cuts every connection, and the bus comes back by itself. */
interface Bus {
  readonly here: ScanEvents;
  readonly there: ScanEvents;
  interrupt(): Promise<void>;
}

async function pgBus(t: ExecutionContext): Promise<Bus> {
  const { database, config, cutConnections } = await testDatabase(t);
  const open = async (): Promise<PgScanEvents> => {
    const events = new PgScanEvents({ database, config, applicationName: 'test', log: silentLogger });
    await events.start();
    t.teardown(() => events.stop());
    return events;
  };
  return { here: await open(), there: await open(), interrupt: cutConnections };
}

async function redisBus(t: ExecutionContext): Promise<Bus> {
  const server = await startRedis(t);
  const connect = () => createRedis({ ...server, password: new Secret(''), db: 0, tls: false }, 'test', silentLogger);
  const open = async (): Promise<RedisScanEvents> => {
    const redis = connect();
    await connectRedis(redis);
    const events = new RedisScanEvents(redis, connect(), silentLogger);
    await events.start();
    t.teardown(async () => {
      await events.stop();
      redis.disconnect();
    });
    return events;
  };
  const interrupt = async (): Promise<void> => {
    await server.stop();
    await server.start();
  };
  return { here: await open(), there: await open(), interrupt };
}

function conforms(declare: TestFn, name: string, open: (t: ExecutionContext) => Promise<Bus>): void {
  const aSignal = (): ScanSignal => ({ organizationId: newId(), scanId: newId(), sequence: 3, deleted: false });

  declare(`${name}: a signal reaches the subscribers of its scan in every process, and nobody else`, async (t) => {
    const { here, there } = await open(t);
    const signal = aSignal();
    const [seenHere, seenThere, others] = [[], [], []] as ScanSignal[][];
    here.subscribe(signal.scanId, (seen) => seenHere!.push(seen));
    there.subscribe(signal.scanId, (seen) => seenThere!.push(seen));
    there.subscribe(newId(), (seen) => others!.push(seen));
    here.publish(signal);
    t.deepEqual(seenHere, [signal], 'at once in the process that publishes');
    await eventually(() => seenThere!.length > 0);
    t.deepEqual(seenThere, [signal]);
    t.deepEqual(others, []);
  });

  declare(`${name}: a burst of signals leaves the newest of each scan`, async (t) => {
    const { here, there } = await open(t);
    const scans = Array.from({ length: 120 }, aSignal);
    const newest = new Map<string, number>();
    for (const { scanId } of scans)
      there.subscribe(scanId, (seen) => newest.set(seen.scanId, Math.max(seen.sequence, newest.get(seen.scanId) ?? 0)));
    for (let sequence = 1; sequence <= 10; sequence += 1) for (const scan of scans) here.publish({ ...scan, sequence });
    await eventually(() => newest.size === scans.length && [...newest.values()].every((sequence) => sequence === 10));
    t.pass();
  });

  declare(`${name}: says when a scan was deleted`, async (t) => {
    const { here, there } = await open(t);
    const signal = aSignal();
    const seen: ScanSignal[] = [];
    there.subscribe(signal.scanId, (one) => seen.push(one));
    here.publish({ ...signal, sequence: 0, deleted: true });
    here.publish({ ...signal, sequence: 9 });
    await eventually(() => seen.some(({ deleted }) => deleted === true));
    t.pass();
  });

  declare(`${name}: says nothing after unsubscribing`, async (t) => {
    const { here } = await open(t);
    const signal = aSignal();
    const unsubscribe = here.subscribe(signal.scanId, () => t.fail('was unsubscribed'));
    unsubscribe();
    unsubscribe();
    here.publish(signal);
    t.pass();
  });

  declare(`${name}: after an interruption everybody is told to look, and signals flow again`, async (t) => {
    const { here, there, interrupt } = await open(t);
    const signal = aSignal();
    const seen: ScanSignal[] = [];
    there.subscribe(signal.scanId, (one) => seen.push(one));
    await interrupt();
    here.publish(signal);
    await eventually(() => seen.some(({ sequence }) => sequence === 0));
    await eventually(() => {
      here.publish({ ...signal, sequence: 4 });
      return seen.some(({ sequence }) => sequence === 4);
    });
    t.pass();
  });
}

conforms(test, 'PostgreSQL', pgBus);
conforms(requires(test, 'redis'), 'Redis', redisBus);
