import type { Advisory } from './osv.ts';

/** Records of several databases about one vulnerability of one package. */
export interface Vulnerability {
  /** The best known name: a CVE where there is one. */
  readonly id: string;
  /** Empty when no record names one. */
  readonly cveId: string;
  /** All names, sorted. */
  readonly ids: readonly string[];
  /** The records, the most telling first. */
  readonly advisories: readonly Advisory[];
}

/** Reviewed databases before others: GitHub's records carry ratings, those of an ecosystem know its versions best. */
const databaseOrder = ['GHSA-', 'PYSEC-', 'RUSTSEC-', 'GO-', 'MAL-', 'CVE-'];

/** Joins the records that name each other as aliases, directly or through a third, so that one CVE is one vulnerability. */
export function mergeAliases(advisories: readonly Advisory[]): Vulnerability[] {
  const groups: { readonly ids: Set<string>; readonly members: Advisory[] }[] = [];
  for (const advisory of advisories) {
    const ids = new Set([advisory.id, ...advisory.aliases]);
    const members = [advisory];
    for (const group of groups.filter((candidate) => [...ids].some((id) => candidate.ids.has(id)))) {
      groups.splice(groups.indexOf(group), 1);
      for (const id of group.ids) ids.add(id);
      members.push(...group.members);
    }
    groups.push({ ids, members });
  }
  return groups.map(({ ids, members }) => vulnerabilityOf([...ids].sort(), members)).sort((a, b) => (a.id < b.id ? -1 : 1));
}

function vulnerabilityOf(ids: readonly string[], members: readonly Advisory[]): Vulnerability {
  const unique = [...new Map(members.map((advisory) => [advisory.id, advisory])).values()];
  const advisories = unique.sort((a, b) => databaseRank(a.id) - databaseRank(b.id) || (a.id < b.id ? -1 : 1));
  const cveId = ids.find((id) => /^CVE-\d{4}-\d{4,}$/.test(id)) ?? '';
  return { id: cveId || advisories[0]!.id, cveId, ids, advisories };
}

function databaseRank(id: string): number {
  const rank = databaseOrder.findIndex((prefix) => id.startsWith(prefix));
  return rank === -1 ? databaseOrder.length : rank;
}
