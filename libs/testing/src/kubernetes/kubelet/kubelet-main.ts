import { readFileSync } from 'node:fs';
import { readConfig } from '@cloudscan/config';
import { runMain } from '@cloudscan/process';
import type { Service } from '@cloudscan/process';
import { readKubeconfig } from '../kubeconfig.ts';
import { ProcessKubelet } from './process-kubelet.ts';
import type { ContainerImage } from './process-kubelet.ts';

/** Images that come with a shell and the tools of this machine. */
const shellImages: Readonly<Record<string, ContainerImage>> = Object.fromEntries(
  ['busybox', 'busybox:latest', 'alpine', 'alpine:latest'].map((name) => [name, { cmd: ['sh'] }]),
);

interface KubeletProcessConfig {
  readonly kubeconfig: string;
  readonly node: string;
  readonly images: Readonly<Record<string, ContainerImage>>;
}

const config = readConfig<KubeletProcessConfig>(process.env, (env) => {
  const images = env.optional('KUBELET_IMAGES');
  return {
    kubeconfig: env.required('KUBECONFIG', 'the path of a kubeconfig whose current context may do what a kubelet does'),
    node: env.string('KUBELET_NODE', 'node-1'),
    images: {
      ...shellImages,
      ...(images === undefined ? {} : (JSON.parse(readFileSync(images, 'utf8')) as KubeletProcessConfig['images'])),
    },
  };
});

let kubelet: ProcessKubelet | null = null;
const service: Service = {
  start: async () => {
    kubelet = await ProcessKubelet.start(readKubeconfig(config.kubeconfig), { nodes: [config.node], images: config.images });
    process.stdout.write(`${config.node} is ready; its HTTPS server listens on 127.0.0.1:${kubelet.port}\n`);
  },
  stop: async () => await kubelet?.stop(),
  [Symbol.asyncDispose]: () => service.stop(),
};

await runMain(async () => service);
