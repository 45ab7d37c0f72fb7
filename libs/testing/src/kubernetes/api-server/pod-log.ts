import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import type { KubernetesNode, Pod } from './object.ts';
import type { ObjectApi } from './object-api.ts';
import { nodes } from './resources/nodes.ts';
import { invalid, plainError } from './status.ts';
import { invalidValue, validateNonNegative } from './validation.ts';

// The API server knows the kubelets' authority; here each kubelet has its own certificate.
const kubelets = new Agent({ keepAlive: false, rejectUnauthorized: false });

const passedOn = ['follow', 'limitBytes', 'previous', 'sinceSeconds', 'sinceTime', 'tailLines', 'timestamps'];

/** Hands on the log of a container as the kubelet of the pod's node tells it. @throws ApiError as the API server answers */
export async function proxyLog(api: ObjectApi, pod: Pod, query: URLSearchParams, response: ServerResponse): Promise<void> {
  const container = chooseContainer(pod, query.get('container'));
  validateOptions(pod, query);
  // Of what stands nowhere there is nothing to tell, and nothing wrong.
  if (pod.spec.nodeName === undefined) return void response.writeHead(204).end();
  const url = kubeletUrl(api, pod, pod.spec.nodeName, container);
  for (const name of passedOn) if (query.has(name)) url.searchParams.set(name, query.get(name)!);
  const sent = request(url, { agent: kubelets });
  response.once('close', () => sent.destroy());
  sent.end();
  const log = await receive(url, sent);
  if (log.statusCode !== 200) throw await refusal(log);
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.flushHeaders();
  log.on('error', () => response.destroy());
  log.pipe(response);
}

function chooseContainer(pod: Pod, asked: string | null): string {
  const names = pod.spec.containers.map(({ name }) => name);
  const initNames = (pod.spec.initContainers ?? []).map(({ name }) => name);
  const { name } = pod.metadata;
  if (asked === null || asked === '') {
    if (names.length === 1) return names[0]!;
    const others = initNames.length === 0 ? '' : ` or one of the init containers: [${initNames.join(' ')}]`;
    throw plainError(400, `a container name must be specified for pod ${name}, choose one of: [${names.join(' ')}]${others}`);
  }
  if (![...names, ...initNames].includes(asked)) throw plainError(400, `container ${asked} is not valid for pod ${name}`);
  return asked;
}

function validateOptions({ metadata: { name } }: Pod, query: URLSearchParams): void {
  const causes = [
    ...(query.has('tailLines') ? validateNonNegative('tailLines', Number(query.get('tailLines'))) : []),
    ...(Number(query.get('limitBytes') ?? 1) < 1
      ? [invalidValue('limitBytes', Number(query.get('limitBytes')), 'must be greater than 0')]
      : []),
  ];
  if (causes.length > 0) throw invalid('PodLogOptions', { group: '', plural: 'pods' }, name, causes);
}

function kubeletUrl(api: ObjectApi, pod: Pod, nodeName: string, container: string): URL {
  const { namespace, name } = pod.metadata;
  const { status } = api.get<KubernetesNode>(nodes, null, nodeName);
  const address = status.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  const port = status.daemonEndpoints?.kubeletEndpoint?.Port;
  if (address === undefined || port === undefined) throw plainError(500, `node ${nodeName} says no address of its kubelet`);
  return new URL(`https://${address}:${port}/containerLogs/${namespace}/${name}/${container}`);
}

async function receive(url: URL, sent: ReturnType<typeof request>): Promise<IncomingMessage> {
  try {
    const [log] = (await once(sent, 'response')) as [IncomingMessage];
    return log;
  } catch (error) {
    throw plainError(500, `Get "${url.href}": ${(error as Error).message}`);
  }
}

async function refusal(log: IncomingMessage): Promise<Error> {
  const chunks: Buffer[] = [];
  for await (const chunk of log) chunks.push(chunk as Buffer);
  return plainError(log.statusCode ?? 500, Buffer.concat(chunks).toString().trim());
}
