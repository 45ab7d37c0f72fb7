import { organization } from '@cloudscan/contracts';
import { serve } from '@cloudscan/grpc';
import type { ServedService } from '@cloudscan/grpc';
import type { UseCases } from '@cloudscan/orchestration';
import type { Authenticator } from '../authenticate.ts';
import { organizationToWire } from '../wire.ts';

export function organizationService(useCases: UseCases, auth: Authenticator): ServedService {
  return serve(organization.OrganizationServiceService, {
    createOrganization: async (request, context) => organizationToWire(await useCases.createOrganization(auth.system(context), request)),
    getOrganization: async (request, context) => {
      const found =
        request.id === ''
          ? await useCases.getOrganizationByName(auth.system(context), request)
          : await useCases.getOrganization(auth.member(context, request.id), request);
      return organizationToWire(found);
    },
    listOrganizations: async (request, context) => {
      const page = await useCases.listOrganizations(auth.system(context), request);
      return { organizations: page.items.map(organizationToWire), nextPageToken: page.nextPageToken ?? '' };
    },
    updateOrganization: async (request, context) =>
      organizationToWire(await useCases.updateOrganization(auth.member(context, request.id), request)),
    deleteOrganization: async (request, context) => {
      await useCases.deleteOrganization(auth.system(context), request);
      return {};
    },
  });
}
