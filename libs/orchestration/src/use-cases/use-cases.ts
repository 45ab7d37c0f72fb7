import { cancelScan } from './cancel-scan.ts';
import { completeScan } from './complete-scan.ts';
import { createFindings } from './create-findings.ts';
import { createScan } from './create-scan.ts';
import { deleteProjectScans } from './delete-project-scans.ts';
import { deleteScan } from './delete-scan.ts';
import { getArtifact } from './get-artifact.ts';
import { getAttestation } from './get-attestation.ts';
import { getDownloadUrl } from './get-download-url.ts';
import { getFindings } from './get-findings.ts';
import { getScan } from './get-scan.ts';
import { getUploadUrl } from './get-upload-url.ts';
import { importSarif } from './import-sarif.ts';
import { listArtifacts } from './list-artifacts.ts';
import { listScans } from './list-scans.ts';
import {
  createOrganization,
  deleteOrganization,
  getOrganization,
  getOrganizationByName,
  listOrganizations,
  updateOrganization,
} from './organizations.ts';
import type { UseCasePorts } from './ports.ts';
import { createProject, deleteProject, getProject, listProjects, updateProject } from './projects.ts';
import { startScan } from './start-scan.ts';
import { updateScan } from './update-scan.ts';
import { watchScan } from './watch-scan.ts';

const useCases = {
  createScan,
  startScan,
  getScan,
  listScans,
  cancelScan,
  updateScan,
  createFindings,
  completeScan,
  importSarif,
  getFindings,
  getUploadUrl,
  getDownloadUrl,
  getArtifact,
  getAttestation,
  listArtifacts,
  watchScan,
  deleteScan,
  deleteProjectScans,
  createOrganization,
  getOrganization,
  getOrganizationByName,
  listOrganizations,
  updateOrganization,
  deleteOrganization,
  createProject,
  getProject,
  listProjects,
  updateProject,
  deleteProject,
} as const;

/** Each use case as its file declares it, with the ports given. */
export type UseCases = {
  readonly [Name in keyof typeof useCases]: (typeof useCases)[Name] extends (ports: UseCasePorts, ...args: infer Args) => infer Result
    ? (...args: Args) => Result
    : never;
};

export function createUseCases(ports: UseCasePorts): UseCases {
  const bound = Object.entries(useCases).map(([name, useCase]) => [name, bind(useCase as AnyUseCase, ports)]);
  return Object.fromEntries(bound) as unknown as UseCases;
}

type AnyUseCase = (ports: UseCasePorts, ...args: unknown[]) => unknown;

function bind(useCase: AnyUseCase, ports: UseCasePorts): (...args: unknown[]) => unknown {
  return (...args) => useCase(ports, ...args);
}
