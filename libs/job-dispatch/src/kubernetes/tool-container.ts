import type { V1Container, V1VolumeMount } from '@kubernetes/client-node';
import type { DeclaredScanner } from '@cloudscan/config';
import { sideCommand } from '@cloudscan/process';
import { containerResources, containerSecurity, literal, temporaryFolder } from './container.ts';
import type { RunnerResources } from './container.ts';

/** A declared tool that comes as an image. */
export type ContainedTool = DeclaredScanner & { readonly image: string };

/** What runner and tools share: the runner brings the source, which tools read; each tool has a folder in `tools`, under its name. */
export const sharedFolders = { shared: '/shared', tools: '/tools' } as const;

/**
 * A container that waits until the runner has brought the source, runs the tool, and leaves what it wrote to the runner: see `sideCommand`. It is
 * a sidecar, which ends with the runner and has no say in how its pod ends (Kubernetes 1.29 and newer).
 * https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
 *
 * It sees the source and a folder of its own, and neither the runner's token nor its settings.
 */
export function toolContainer(tool: ContainedTool, index: number, resources: RunnerResources): V1Container {
  const folder = `${sharedFolders.tools}/${tool.name}`;
  const command = [...tool.command, ...tool.args.map((arg) => placed(arg, folder))];
  const environment = { HOME: temporaryFolder, TMPDIR: temporaryFolder, LC_ALL: 'C.UTF-8' };
  return {
    name: `tool-${index + 1}`,
    image: tool.image,
    restartPolicy: 'Always',
    command: sideCommand(folder, command).map(literal),
    env: Object.entries(environment).map(([name, value]) => ({ name, value })),
    resources: containerResources(resources, `${tool.memoryMb}Mi`),
    securityContext: containerSecurity,
    volumeMounts: mountsOf(tool.name, folder),
  };
}

function placed(arg: string, folder: string): string {
  return arg.replaceAll('{source}', `${sharedFolders.shared}/source`).replaceAll('{results}', `${folder}/results.sarif`);
}

/** Its temporary folder is its own as well: what stands in that of the runner is none of its business. */
function mountsOf(name: string, folder: string): V1VolumeMount[] {
  return [
    { name: 'shared', mountPath: sharedFolders.shared, readOnly: true },
    { name: 'tools', mountPath: folder, subPath: name },
    { name: 'tools', mountPath: temporaryFolder, subPath: `.temporary/${name}` },
  ];
}
