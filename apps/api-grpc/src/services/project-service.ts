import { organization } from '@cloudscan/contracts';
import { serve } from '@cloudscan/grpc';
import type { ServedService } from '@cloudscan/grpc';
import type { UseCases } from '@cloudscan/orchestration';
import type { Authenticator } from '../authenticate.ts';
import { projectToWire } from '../wire.ts';

export function projectService(useCases: UseCases, auth: Authenticator): ServedService {
  return serve(organization.ProjectServiceService, {
    createProject: async (request, context) =>
      projectToWire(await useCases.createProject(auth.member(context, request.organizationId), request)),
    getProject: async (request, context) =>
      projectToWire(await useCases.getProject(await auth.memberOfProject(context, request.id), request)),
    listProjects: async (request, context) => {
      const page = await useCases.listProjects(auth.member(context, request.organizationId), request);
      return { projects: page.items.map(projectToWire), nextPageToken: page.nextPageToken ?? '' };
    },
    updateProject: async (request, context) =>
      projectToWire(await useCases.updateProject(await auth.memberOfProject(context, request.id), request)),
    deleteProject: async (request, context) => {
      await useCases.deleteProject(await auth.memberOfProject(context, request.id), request);
      return {};
    },
  });
}
