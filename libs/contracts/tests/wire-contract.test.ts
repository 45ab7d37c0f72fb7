import test from 'ava';
import protobufjs from 'protobufjs';
import { scan, storage } from '../src/index.ts';
import { enums, scanMessages, scanRpcs, storageMessages, storageRpcs } from './wire-table.ts';

interface Codec {
  encode(message: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
}

function timestampType(): protobufjs.Type {
  return new protobufjs.Type('Timestamp').add(new protobufjs.Field('seconds', 1, 'int64')).add(new protobufjs.Field('nanos', 2, 'int32'));
}

const scalars: Readonly<Record<string, string>> = { s: 'string', i32: 'int32', i64: 'int64', ts: 'Timestamp' };

/** A second implementation of the contract, made from the table alone. */
function buildTable(messages: Readonly<Record<string, string>>): protobufjs.Root {
  const root = new protobufjs.Root();
  root.add(timestampType());
  for (const [name, values] of Object.entries(enums)) root.add(new protobufjs.Enum(name, { ...values }));
  for (const [name, fields] of Object.entries(messages)) root.add(buildMessage(name, fields));
  root.resolveAll();
  return root;
}

function buildMessage(name: string, fields: string): protobufjs.Type {
  const type = new protobufjs.Type(name);
  for (const field of fields.split('; ')) {
    const [number, fieldName, kind] = field.split(' ') as [string, string, string];
    const map = /^map<s,(\w+)>$/.exec(kind);
    if (map !== null) {
      type.add(new protobufjs.MapField(fieldName, Number(number), 'string', scalars[map[1]!]!));
    } else {
      const base = kind.replace('[]', '');
      type.add(new protobufjs.Field(fieldName, Number(number), scalars[base] ?? base, kind.startsWith('[]') ? 'repeated' : undefined));
    }
  }
  return type;
}

/** An example with every field set to a value that its neighbours do not have. */
function exampleOf(type: protobufjs.Type, depth = 0): Record<string, unknown> {
  return Object.fromEntries(type.fieldsArray.map((field) => [field.name, exampleField(field.resolve(), depth)]));
}

function exampleField(field: protobufjs.Field, depth: number): unknown {
  if (field instanceof protobufjs.MapField) return { critical: field.type === 'string' ? `m${field.id}` : 100 + field.id };
  const one = exampleValue(field, depth);
  return field.repeated ? [one, one] : one;
}

function exampleValue(field: protobufjs.Field, depth: number): unknown {
  if (field.type === 'string') return `ü${field.id}`;
  if (field.type === 'int32') return 1000 + field.id;
  if (field.type === 'int64') return 5_000_000_000 + field.id;
  if (field.resolvedType instanceof protobufjs.Enum) return Math.max(...Object.values(field.resolvedType.values));
  if (field.type === 'Timestamp') return { seconds: 1_700_000_000 + field.id, nanos: 123_000_000 };
  return depth > 2 ? {} : exampleOf(field.resolvedType as protobufjs.Type, depth + 1);
}

for (const [namespace, generated, messages] of [
  ['cloudscan', scan, scanMessages],
  ['cloudscan.storage', storage, storageMessages],
] as const) {
  const root = buildTable(messages);
  for (const name of Object.keys(messages)) {
    test(`${namespace}.${name} survives the way from an older client and back`, (t) => {
      const table = root.lookupType(name);
      const codec = (generated as unknown as Record<string, Codec>)[name]!;
      const sent = table.encode(table.fromObject(exampleOf(table))).finish();
      const received = codec.decode(sent);
      const returned = codec.encode(received).finish();
      const options = { longs: Number, defaults: false };
      t.deepEqual(table.toObject(table.decode(returned), options), table.toObject(table.decode(sent), options));
      t.is(returned.length, sent.length, 'the generated code adds or loses bytes');
    });
  }
}

test('the enums have their numbers', (t) => {
  for (const [name, values] of Object.entries(enums)) {
    const generated = { ...scan, ...storage } as unknown as Record<string, Record<string, number>>;
    t.deepEqual({ ...generated[name] }, { ...values }, name);
  }
});

for (const [service, definition, rpcs] of [
  ['cloudscan.ScanService', scan.ScanServiceService, scanRpcs],
  ['cloudscan.storage.StorageService', storage.StorageServiceService, storageRpcs],
] as const) {
  test(`${service} has the methods that older clients call`, (t) => {
    const methods = Object.values(definition) as { path: string; requestStream: boolean; responseStream: boolean }[];
    for (const name of Object.keys(rpcs)) {
      const method = methods.find(({ path }) => path === `/${service}/${name}`);
      t.truthy(method, name);
      t.false(method!.requestStream || method!.responseStream, name);
    }
  });
}

test('bytes checked by hand: a request, an enum list packed, a map entry', (t) => {
  // field 1, length 1, "x"
  t.deepEqual([...scan.GetScanRequest.encode({ id: 'x' }).finish()], [0x0a, 0x01, 0x78]);
  const created = scan.CreateScanRequest.fromPartial({ scanTypes: [scan.ScanType.SAST, scan.ScanType.LICENSE] });
  // field 3, packed: SAST = 1, LICENSE = 4
  t.deepEqual([...scan.CreateScanRequest.encode(created).finish()], [0x1a, 0x02, 0x01, 0x04]);
  const updated = scan.UpdateScanRequest.fromPartial({ status: scan.ScanStatus.COMPLETED, findingsBySeverity: { low: 2 } });
  // field 2 = 3; field 4: an entry of key (1) "low" and value (2) 2
  t.deepEqual([...scan.UpdateScanRequest.encode(updated).finish()], [0x10, 0x03, 0x22, 0x07, 0x0a, 0x03, 0x6c, 0x6f, 0x77, 0x10, 0x02]);
});

test('what this project added to an older message starts at field 30', (t) => {
  const added = scan.Scan.encode(scan.Scan.fromPartial({ attempt: 1 })).finish();
  // (30 << 3) | 0 = 240 as a varint: f0 01
  t.deepEqual([...added], [0xf0, 0x01, 0x01]);
});
