/** The form of one kind of credential. */
export interface SecretPattern {
  /** Stable: part of fingerprints. */
  readonly id: string;
  /** Global. The secret is the group `secret` where there is one, else the whole match. */
  readonly pattern: RegExp;
  /** Text that holds none of them cannot match: the cheap first look. Lower case where the pattern ignores case. */
  readonly keywords: readonly string[];
}

function pattern(id: string, keywords: readonly string[], regexp: RegExp): SecretPattern {
  return { id, keywords, pattern: regexp };
}

/**
 * Credentials that can be told by their form, or by the words right before them. Forms are those that the issuers document
 * or that their own scanners publish. Where two could match, the more telling one stands first.
 */
export const secretPatterns: readonly SecretPattern[] = [
  // A key counts from 16 characters of its body on, with or without its last line: half a key is a leak too.
  pattern(
    'private-key',
    ['PRIVATE KEY'],
    /-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----(?<secret>(?:(?:\\[rn]|["'+\s])*(?:Proc-Type|DEK-Info|Version|Comment): ?[\w ,.-]+)*(?=(?:\\[rn]|["'+,\s]){0,40}[A-Za-z0-9+/]{16})[A-Za-z0-9+/=\\"',\s]{16,20000})/g,
  ),
  pattern('putty-private-key', ['Private-Lines'], /\bPrivate-Lines: ?\d+(?<secret>(?:\r?\n[A-Za-z0-9+/=]{1,64}){1,200})/g),
  pattern('age-secret-key', ['AGE-SECRET-KEY-1'], /\bAGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}\b/g),

  pattern('aws-access-key-id', ['AKIA', 'ASIA', 'ABIA', 'ACCA'], /(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])/g),
  pattern(
    'aws-secret-access-key',
    ['aws', 'secret_access_key', 'secretaccesskey'],
    /(?:aws[\w.-]{0,30}(?:secret|sk)|secret_?access_?key)[\w.-]{0,30}["']?\s{0,8}(?:=>|[:=,])\s{0,8}["']?(?<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])/gi,
  ),
  pattern(
    'aws-session-token',
    ['session_token', 'sessiontoken'],
    /session_?token["']?\s{0,8}[:=]\s{0,8}["']?(?<secret>[A-Za-z0-9/+=]{100,2000})/gi,
  ),

  pattern('gcp-api-key', ['AIza'], /(?<![\w-])AIza[\w-]{35}(?![\w-])/g),
  pattern('gcp-oauth-client-secret', ['GOCSPX-'], /(?<![\w-])GOCSPX-[\w-]{28}(?![\w-])/g),
  pattern('gcp-oauth-token', ['ya29.', '1//0'], /(?<![\w/])(?:ya29\.[\w-]{30,1000}|1\/\/0[\w-]{40,200})/g),

  pattern('azure-storage-key', ['accountkey='], /AccountKey=(?<secret>[A-Za-z0-9+/]{86}==)/gi),
  pattern('azure-shared-access-key', ['sharedaccesskey='], /SharedAccessKey=(?<secret>[A-Za-z0-9+/]{43}=)/gi),
  pattern('azure-client-secret', ['Q~'], /(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,34}(?![\w~.-])/g),
  pattern('azure-sas-signature', ['sig='], /[?&;]sig=(?<secret>[A-Za-z0-9%+/]{43,70}(?:%3[dD]|=))/g),

  pattern('github-token', ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'], /(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{36,255}(?![A-Za-z0-9])/g),
  pattern('github-fine-grained-token', ['github_pat_'], /(?<![A-Za-z0-9])github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}(?![A-Za-z0-9])/g),
  pattern('github-app-token', ['ghs_'], /(?<![A-Za-z0-9])ghs_\d{1,20}_[\w-]{1,1000}\.[\w-]{1,8000}\.[\w-]{1,1000}/g),
  pattern(
    'gitlab-token',
    ['glpat-', 'gldt-', 'glrt-', 'glcbt-', 'glptt-', 'glft-', 'glimt-', 'glagent-', 'gloas-', 'glsoat-'],
    /(?<![A-Za-z0-9])gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat)-[\w.-]{20,300}/g,
  ),
  pattern('atlassian-token', ['ATATT3', 'ATCTT3'], /(?<![A-Za-z0-9])AT[AC]TT3[\w=-]{60,400}/g),

  pattern(
    'slack-token',
    ['xoxa-', 'xoxb-', 'xoxe-', 'xoxe.', 'xoxp-', 'xoxr-', 'xoxs-', 'xoxo-', 'xapp-'],
    /(?<![A-Za-z0-9])(?:xox[abeoprs]|xoxe\.xox[bp]|xapp)-[A-Za-z0-9-]{10,250}/g,
  ),
  pattern('slack-webhook', ['hooks.slack.com'], /hooks\.slack\.com\/(?:services|workflows|triggers)\/(?<secret>[A-Za-z0-9/+_-]{40,120})/g),
  pattern('discord-webhook', ['/api/webhooks/'], /discord(?:app)?\.com\/api\/webhooks\/\d{17,20}\/(?<secret>[\w-]{60,90})/g),
  pattern('telegram-bot-token', [':AA'], /(?<![\w:])\d{8,10}:AA[\w-]{33}(?![\w-])/g),
  pattern('teams-webhook', ['webhook.office.com'], /webhook\.office\.com\/webhookb2\/(?<secret>[\w@/-]{80,250})/g),

  pattern(
    'stripe-key',
    ['sk_live_', 'sk_test_', 'rk_live_', 'rk_test_', 'sk_prod_', 'rk_prod_'],
    /(?<![A-Za-z0-9])[sr]k_(?:live|test|prod)_[A-Za-z0-9]{16,250}(?![A-Za-z0-9])/g,
  ),
  pattern('stripe-webhook-secret', ['whsec_'], /(?<![A-Za-z0-9])whsec_[A-Za-z0-9+/]{32,64}={0,2}(?![A-Za-z0-9])/g),
  pattern('square-token', ['sq0atp-', 'sq0csp-', 'EAAA'], /(?<![A-Za-z0-9])(?:sq0atp-[\w-]{22}|sq0csp-[\w-]{43}|EAAA[\w-]{60})(?![\w-])/g),
  pattern('shopify-token', ['shpat_', 'shpca_', 'shppa_', 'shpss_'], /(?<![A-Za-z0-9])shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}(?![A-Za-z0-9])/g),

  pattern('twilio-api-key', ['SK'], /(?<![A-Za-z0-9])SK[0-9a-f]{32}(?![A-Za-z0-9])/g),
  pattern('twilio-auth-token', ['twilio'], /twilio[\w.-]{0,30}["']?\s{0,8}(?:=>|[:=,])\s{0,8}["']?(?<secret>[0-9a-f]{32})(?![0-9a-z])/gi),
  pattern('sendgrid-key', ['SG.'], /(?<![\w.])SG\.[\w-]{22}\.[\w-]{43}(?![\w-])/g),
  pattern('mailgun-key', ['key-'], /(?<![\w-])key-[0-9a-f]{32}(?![\w-])/g),
  pattern('mailchimp-key', ['-us'], /(?<![\w-])[0-9a-f]{32}-us\d{1,2}(?![\w-])/g),

  pattern('npm-token', ['npm_'], /(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])/g),
  pattern('npm-auth', [':_auth', ':_password'], /:_(?:authToken|auth|password)\s{0,4}=\s{0,4}["']?(?<secret>[A-Za-z0-9+/=_-]{20,400})/g),
  pattern('pypi-token', ['pypi-AgEIc', 'pypi-AgENd'], /(?<![\w-])pypi-AgE(?:IcHlwaS5vcmc|NdGVzdC5weXBpLm9yZw?)[\w-]{50,1000}/g),
  pattern('rubygems-key', ['rubygems_'], /(?<![A-Za-z0-9])rubygems_[a-f0-9]{48}(?![A-Za-z0-9])/g),
  pattern('nuget-key', ['oy2'], /(?<![A-Za-z0-9])oy2[a-z0-9]{43}(?![A-Za-z0-9])/g),
  pattern('docker-token', ['dckr_pat_', 'dckr_oat_'], /(?<![A-Za-z0-9])dckr_[po]at_[\w-]{27,40}(?![\w-])/g),

  pattern('anthropic-key', ['sk-ant-'], /(?<![A-Za-z0-9])sk-ant-[a-z]{2,10}\d{2}-[\w-]{20,250}/g),
  pattern(
    'openai-key',
    ['sk-'],
    /(?<![A-Za-z0-9_-])sk-(?:(?:proj|svcacct|admin|None)-[\w-]{20,250}|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}|[A-Za-z0-9]{48})(?![A-Za-z0-9])/g,
  ),
  pattern('huggingface-token', ['hf_'], /(?<![A-Za-z0-9])hf_[A-Za-z0-9]{34}(?![A-Za-z0-9])/g),
  pattern('groq-key', ['gsk_'], /(?<![A-Za-z0-9])gsk_[A-Za-z0-9]{48,56}(?![A-Za-z0-9])/g),
  pattern('replicate-token', ['r8_'], /(?<![A-Za-z0-9])r8_[A-Za-z0-9]{37,40}(?![A-Za-z0-9])/g),
  pattern('perplexity-key', ['pplx-'], /(?<![A-Za-z0-9])pplx-[A-Za-z0-9]{48,56}(?![A-Za-z0-9])/g),

  pattern('hashicorp-vault-token', ['hvs.', 'hvb.', 'hvr.'], /(?<![\w.])hv[sbr]\.[\w-]{24,300}/g),
  pattern('terraform-cloud-token', ['.atlasv1.'], /(?<![\w.])[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,70}/g),
  pattern('databricks-token', ['dapi'], /(?<![A-Za-z0-9])dapi[a-f0-9]{32}(?:-\d)?(?![A-Za-z0-9])/g),
  pattern('digitalocean-token', ['dop_v1_', 'doo_v1_', 'dor_v1_'], /(?<![A-Za-z0-9])do[opr]_v1_[a-f0-9]{64}(?![A-Za-z0-9])/g),
  pattern('heroku-key', ['HRKU-'], /(?<![A-Za-z0-9])HRKU-[\w-]{36,64}/g),
  pattern('grafana-token', ['glsa_', 'glc_'], /(?<![A-Za-z0-9])(?:glsa_[A-Za-z0-9]{32}_[a-fA-F0-9]{8}|glc_[A-Za-z0-9+/]{60,400}={0,2})/g),
  pattern('new-relic-key', ['NRAK-', 'NRII-'], /(?<![A-Za-z0-9])NR(?:AK-[A-Z0-9]{27}|II-[\w-]{32})(?![\w-])/g),
  pattern('sentry-token', ['sntrys_', 'sntryu_'], /(?<![A-Za-z0-9])sntry(?:s_eyJ[\w+/=-]{60,400}|u_[a-f0-9]{64})/g),
  pattern('postman-key', ['PMAK-'], /(?<![A-Za-z0-9])PMAK-[a-f0-9]{24}-[a-f0-9]{34}(?![A-Za-z0-9])/g),
  pattern('linear-key', ['lin_api_'], /(?<![A-Za-z0-9])lin_api_[A-Za-z0-9]{40}(?![A-Za-z0-9])/g),
  pattern('notion-token', ['ntn_', 'secret_'], /(?<![A-Za-z0-9_])(?:ntn_[A-Za-z0-9]{43,50}|secret_[A-Za-z0-9]{43})(?![A-Za-z0-9])/g),
  pattern('figma-token', ['figd_'], /(?<![A-Za-z0-9])figd_[\w-]{40,60}/g),
  pattern('supabase-token', ['sbp_'], /(?<![A-Za-z0-9])sbp_[a-f0-9]{40}(?![A-Za-z0-9])/g),
  pattern('planetscale-token', ['pscale_'], /(?<![A-Za-z0-9])pscale_(?:tkn|pw|oauth)_[\w.=-]{32,64}/g),
  pattern(
    'doppler-token',
    ['dp.pt.', 'dp.st.', 'dp.ct.', 'dp.sa.'],
    /(?<![\w.])dp\.(?:pt|st\.[\w-]{2,35}|st|ct|sa)\.[A-Za-z0-9]{40,44}(?![A-Za-z0-9])/g,
  ),
  pattern('onepassword-token', ['ops_eyJ'], /(?<![A-Za-z0-9])ops_eyJ[\w+/=-]{100,1500}/g),
  pattern('cloudflare-token', ['cfk_', 'cfut_', 'cfat_'], /(?<![A-Za-z0-9])cf(?:k|ut|at)_[A-Za-z0-9]{40}[0-9a-f]{8}(?![A-Za-z0-9])/g),
  pattern('vercel-token', ['vcp_', 'vci_', 'vca_', 'vcr_', 'vck_'], /(?<![A-Za-z0-9])vc[piark]_[A-Za-z0-9]{20,60}(?![A-Za-z0-9])/g),
  pattern('tailscale-key', ['tskey-'], /(?<![A-Za-z0-9])tskey-[a-z]{3,10}-[A-Za-z0-9]{8,20}(?:CNTRL)?-[A-Za-z0-9]{20,50}/g),

  pattern('jwt', ['eyJ'], /(?<![\w.-])eyJ[\w-]{10,2000}\.eyJ[\w-]{10,8000}\.[\w-]{16,2000}/g),
  pattern('url-credentials', ['://'], /(?<=[a-zA-Z0-9]):\/\/[^\s:@/"'`<>()[\]]{0,100}:(?<secret>[^\s:@/"'`<>()]{3,200})@(?=[\w[])/g),
  pattern(
    'connection-string-password',
    ['password=', 'pwd=', 'password =', 'pwd ='],
    /;\s{0,4}(?:password|pwd)\s?=\s?(?<secret>[^;"'`\s<>]{4,200})/gi,
  ),
];

/** Finds which of many patterns are worth trying on a text, in one pass over it rather than one for each. */
export class PatternIndex {
  readonly #patterns: readonly SecretPattern[];
  readonly #searches: readonly KeywordSearch[];

  constructor(patterns: readonly SecretPattern[]) {
    this.#patterns = patterns;
    this.#searches = [patterns.filter(({ pattern }) => pattern.ignoreCase), patterns.filter(({ pattern }) => !pattern.ignoreCase)]
      .filter((group) => group.length > 0)
      .map(keywordSearch);
  }

  /** The patterns of which a keyword stands in the text, in the order of the table. */
  candidates(text: string): readonly SecretPattern[] {
    const found = new Set<SecretPattern>();
    for (const { regexp, patternsOf } of this.#searches) {
      regexp.lastIndex = 0;
      for (let match = regexp.exec(text); match !== null; match = regexp.exec(text)) {
        for (const candidate of patternsOf.get(match[0].toLowerCase())!) found.add(candidate);
        // The next keyword may begin inside this one.
        regexp.lastIndex = match.index + 1;
      }
    }
    return found.size === 0 ? [] : this.#patterns.filter((candidate) => found.has(candidate));
  }
}

interface KeywordSearch {
  readonly regexp: RegExp;
  /** By keyword in lower case: the patterns that name it, or a part of it. */
  readonly patternsOf: ReadonlyMap<string, readonly SecretPattern[]>;
}

function keywordSearch(patterns: readonly SecretPattern[]): KeywordSearch {
  const keywords = [...new Set(patterns.flatMap((each) => each.keywords))].sort((a, b) => b.length - a.length);
  const alternatives = keywords.map((keyword) => keyword.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|');
  return {
    regexp: new RegExp(alternatives, patterns[0]!.pattern.ignoreCase ? 'gi' : 'g'),
    patternsOf: new Map(
      keywords.map((keyword) => [keyword.toLowerCase(), patterns.filter((each) => each.keywords.some((part) => keyword.includes(part)))]),
    ),
  };
}

/** Where a match's secret lies in the text: the end is exclusive. */
export function secretRange(match: RegExpExecArray | RegExpMatchArray): { readonly start: number; readonly end: number } {
  const secret = match.groups?.secret;
  const whole = match.index!;
  // The secret ends or lies inside what was matched; searched from behind, since a name may repeat in front of it.
  const start = secret === undefined ? whole : whole + match[0].lastIndexOf(secret);
  return { start, end: start + (secret ?? match[0]).length };
}
