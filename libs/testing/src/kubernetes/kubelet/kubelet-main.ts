import { readFileSync } from 'node:fs';
import { readConfig } from '@cloudscan/config';
import type { Environment } from '@cloudscan/config';
import { runMain } from '@cloudscan/process';
import type { Service } from '@cloudscan/process';
import { readKubeconfig } from '../kubeconfig.ts';
import { ProcessKubelet } from './process-kubelet.ts';
import type { ContainerImage } from './process-kubelet.ts';

interface KubeletProcessConfig {
  readonly kubeconfig: string;
  readonly node: string;
  readonly images: Readonly<Record<string, ContainerImage>>;
}

/** Images that stand for a shell with the tools of this machine. */
const shellImages = { alpine: { cmd: ['sh'] }, busybox: { cmd: ['sh'] } };

function loadConfig(environment: Environment): KubeletProcessConfig {
  return readConfig(environment, (env) => {
    const images = env.optional('KUBELET_IMAGES');
    return {
      kubeconfig: env.required('KUBECONFIG', 'the path of a kubeconfig whose current context may do what a kubelet does'),
      node: env.string('KUBELET_NODE', 'node-1'),
      images: { ...shellImages, ...(images !== undefined && (JSON.parse(readFileSync(images, 'utf8')) as KubeletProcessConfig['images'])) },
    };
  });
}

function createService({ kubeconfig, node, images }: KubeletProcessConfig): Service {
  let kubelet: ProcessKubelet | null = null;
  const stop = async (): Promise<void> => await kubelet?.stop();
  return {
    start: async () => {
      kubelet = await ProcessKubelet.start(readKubeconfig(kubeconfig), { nodes: [node], images });
      process.stdout.write(`${node} is ready; its HTTPS server listens on 127.0.0.1:${kubelet.port}\n`);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

await runMain(async () => createService(loadConfig(process.env)));
