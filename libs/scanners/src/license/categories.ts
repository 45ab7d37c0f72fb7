import type { Severity } from '@cloudscan/domain';

/** What a licence asks of whoever distributes or serves the software, from nothing to the most. */
export const licenseCategories = ['permissive', 'weak-copyleft', 'unknown', 'proprietary', 'strong-copyleft', 'network-copyleft'] as const;
export type LicenseCategory = (typeof licenseCategories)[number];

/**
 * How severe a dependency's licence is, unless a policy says otherwise. Null: no finding.
 *
 * | category | severity | why |
 * |---|---|---|
 * | permissive | none | notices only |
 * | weak-copyleft | low | changes to the library itself must be published (MPL, LGPL, EPL) |
 * | unknown | low | somebody must look |
 * | proprietary | medium | use needs permission, or is restricted (BUSL, non-commercial) |
 * | strong-copyleft | high | the whole work must be published once it is distributed (GPL) |
 * | network-copyleft | critical | likewise once it is served (AGPL, SSPL) |
 */
export const categorySeverity: Readonly<Record<LicenseCategory, Severity | null>> = {
  permissive: null,
  'weak-copyleft': 'low',
  unknown: 'low',
  proprietary: 'medium',
  'strong-copyleft': 'high',
  'network-copyleft': 'critical',
};

/** SPDX identifiers by category; the first match counts. */
const identifiers: readonly (readonly [LicenseCategory, RegExp])[] = [
  ['network-copyleft', /^(AGPL-|SSPL-|OSL-|RPL-|CPAL-|NPOSL-|Watcom-|EUPL-1\.2)/],
  [
    'weak-copyleft',
    /^(LGPL|MPL-|EPL-|CDDL-|CPL-|IPL-|EUPL-|MS-RL|APSL-|CECILL-C|CECILL-1|NPL-|SPL-|OCLC-|ErlPL-|LPL-|Motosoto|Nokia|RSCPL|SISSL|wxWindows|eCos-|gSOAP-)/,
  ],
  ['strong-copyleft', /^(GPL-|CECILL-2|QPL-|Sleepycat|CC-BY-SA-|GFDL-|ODbL-|copyleft-next-|Parity-)/],
  ['proprietary', /^(BUSL-|Elastic-|CC-BY-NC|CC-BY-ND|PolyForm-|Aladdin|JPNIC|NASA-|Hippocratic|MS-LPL|TAPR|Xerox)/],
  [
    'permissive',
    /^(MIT|ISC|BSD-|0BSD|Apache-|Zlib|zlib-|Unlicense|CC0-|WTFPL|BlueOak-|BSL-|X11|NCSA|PostgreSQL|Python-|PSF-|CNRI-|Artistic-|AFL-|AAL|Ruby|Unicode-|CC-BY-\d|CC-PDDC|PDDL-|OFL-|curl|libpng|Libpng|IJG|FTL|HPND|ICU|JSON|PHP-|OpenSSL|W3C|MulanPSL-|UPL-|TCL|Vim|Beerware|MirOS|NTP|Fair|ECL-|EFL-|Entessa|ZPL-|Naumen|Intel|LiLiQ|MS-PL|bzip2-|SMLNJ|Info-ZIP|Spencer|TU-Berlin|Xnet|Zend-|OLDAP-|Net-SNMP|SAX-PD|SGI-B|RSA-MD|blessing|Glide|GLWTPL|Zed|Plexus|Bitstream|FSFAP|FSFUL|Linux-OpenIB|NIST|NAIST|Cube|DOC|ImageMagick|XFree86)/,
  ],
];

/** Linking exceptions: what links to the covered code need not be under its licence. */
const linkingExceptions =
  /^(Classpath|GCC|Linux-syscall-note|OpenJDK|OCaml-LGPL|Bison|Autoconf|Libtool|Font|LLVM|LGPL-3\.0-linking|FLTK|Fawkes|eCos|openvpn-openssl|Qt-LGPL|Qt-GPL|Universal-FOSS|WxWindows|GNAT|i2p|mif|u-boot|freertos|Nokia-Qt|PS-or-PDF|SWI|Bootloader|CLISP|DigiRule|KiCad|LZMA|Swift|GStreamer)/i;

/** @param exception the SPDX identifier after WITH; empty when there is none */
export function categoryOf(identifier: string, exception = ''): LicenseCategory {
  const category = identifiers.find(([, pattern]) => pattern.test(identifier))?.[0] ?? 'unknown';
  return category === 'strong-copyleft' && linkingExceptions.test(exception) ? 'weak-copyleft' : category;
}
