import type { Severity } from '@cloudscan/domain';

/** What a reader is told about one kind of secret. */
export interface SecretRule {
  readonly id: string;
  /** For example `GitHub token`. */
  readonly name: string;
  readonly severity: Severity;
  /** Where it is revoked; a noun phrase behind "in". */
  readonly revokeIn: string;
  readonly cweId: string;
}

type Row = readonly [name: string, severity: Severity, revokeIn: string];

/** Critical: opens an account or money at once. High: opens a service. Medium: needs more to be of use, or may be a mistake. */
const table: Readonly<Record<string, Row>> = {
  'private-key': ['Private key', 'critical', 'every place that trusts its public half'],
  'putty-private-key': ['PuTTY private key', 'critical', 'every place that trusts its public half'],
  'age-secret-key': ['age secret key', 'critical', 'every file encrypted to it'],
  'aws-access-key-id': ['AWS access key id', 'high', 'AWS IAM'],
  'aws-secret-access-key': ['AWS secret access key', 'critical', 'AWS IAM'],
  'aws-session-token': ['AWS session token', 'high', 'AWS IAM'],
  'gcp-api-key': ['Google API key', 'high', 'the Google Cloud console'],
  'gcp-oauth-client-secret': ['Google OAuth client secret', 'high', 'the Google Cloud console'],
  'gcp-oauth-token': ['Google OAuth token', 'high', 'the Google account'],
  'azure-storage-key': ['Azure storage account key', 'critical', 'the Azure portal'],
  'azure-shared-access-key': ['Azure shared access key', 'critical', 'the Azure portal'],
  'azure-client-secret': ['Microsoft Entra client secret', 'critical', 'the Entra admin centre'],
  'azure-sas-signature': ['Azure shared access signature', 'high', 'the Azure portal'],
  'github-token': ['GitHub token', 'critical', 'the GitHub settings'],
  'github-fine-grained-token': ['GitHub fine-grained token', 'critical', 'the GitHub settings'],
  'github-app-token': ['GitHub app token', 'critical', 'the GitHub settings'],
  'gitlab-token': ['GitLab token', 'critical', 'the GitLab settings'],
  'atlassian-token': ['Atlassian token', 'high', 'the Atlassian account'],
  'slack-token': ['Slack token', 'high', 'the Slack app settings'],
  'slack-webhook': ['Slack webhook', 'medium', 'the Slack app settings'],
  'discord-webhook': ['Discord webhook', 'medium', 'the Discord channel settings'],
  'telegram-bot-token': ['Telegram bot token', 'high', 'BotFather'],
  'teams-webhook': ['Microsoft Teams webhook', 'medium', 'the Teams channel settings'],
  'stripe-key': ['Stripe key', 'critical', 'the Stripe dashboard'],
  'stripe-webhook-secret': ['Webhook signing secret', 'high', 'the Stripe dashboard'],
  'square-token': ['Square token', 'critical', 'the Square developer dashboard'],
  'shopify-token': ['Shopify token', 'critical', 'the Shopify admin'],
  'twilio-api-key': ['Twilio API key', 'high', 'the Twilio console'],
  'twilio-auth-token': ['Twilio auth token', 'critical', 'the Twilio console'],
  'sendgrid-key': ['SendGrid key', 'high', 'the SendGrid settings'],
  'mailgun-key': ['Mailgun key', 'high', 'the Mailgun settings'],
  'mailchimp-key': ['Mailchimp key', 'high', 'the Mailchimp account'],
  'npm-token': ['npm token', 'critical', 'the npm account'],
  'npm-auth': ['npm registry credential', 'high', 'the registry'],
  'pypi-token': ['PyPI token', 'critical', 'the PyPI account'],
  'rubygems-key': ['RubyGems key', 'critical', 'the RubyGems account'],
  'nuget-key': ['NuGet key', 'critical', 'the NuGet account'],
  'docker-token': ['Docker Hub token', 'critical', 'the Docker Hub account'],
  'anthropic-key': ['Anthropic key', 'high', 'the Anthropic console'],
  'openai-key': ['OpenAI-style key', 'high', 'the provider’s console'],
  'huggingface-token': ['Hugging Face token', 'high', 'the Hugging Face settings'],
  'groq-key': ['Groq key', 'high', 'the Groq console'],
  'replicate-token': ['Replicate token', 'high', 'the Replicate account'],
  'perplexity-key': ['Perplexity key', 'high', 'the Perplexity settings'],
  'hashicorp-vault-token': ['HashiCorp Vault token', 'critical', 'Vault'],
  'terraform-cloud-token': ['Terraform Cloud token', 'critical', 'the HCP Terraform settings'],
  'databricks-token': ['Databricks token', 'high', 'the Databricks workspace'],
  'digitalocean-token': ['DigitalOcean token', 'critical', 'the DigitalOcean control panel'],
  'heroku-key': ['Heroku key', 'critical', 'the Heroku account'],
  'grafana-token': ['Grafana token', 'high', 'Grafana'],
  'new-relic-key': ['New Relic key', 'high', 'New Relic'],
  'sentry-token': ['Sentry token', 'high', 'the Sentry settings'],
  'postman-key': ['Postman key', 'high', 'the Postman settings'],
  'linear-key': ['Linear key', 'high', 'the Linear settings'],
  'notion-token': ['Notion token', 'high', 'the Notion integrations'],
  'figma-token': ['Figma token', 'high', 'the Figma settings'],
  'supabase-token': ['Supabase token', 'high', 'the Supabase dashboard'],
  'planetscale-token': ['PlanetScale token', 'high', 'the PlanetScale settings'],
  'doppler-token': ['Doppler token', 'high', 'the Doppler dashboard'],
  'onepassword-token': ['1Password service account token', 'critical', '1Password'],
  'cloudflare-token': ['Cloudflare token', 'critical', 'the Cloudflare dashboard'],
  'vercel-token': ['Vercel token', 'high', 'the Vercel settings'],
  'tailscale-key': ['Tailscale key', 'high', 'the Tailscale admin console'],
  jwt: ['JSON Web Token', 'medium', 'the service that issued it'],
  'url-credentials': ['Password in a URL', 'high', 'the service that the URL names'],
  'connection-string-password': ['Password in a connection string', 'high', 'the database'],
  'assigned-secret': ['Secret assigned in code', 'medium', 'the service that accepts it'],
};

/** A rule of the second engine that the table does not name. */
const unnamed: Row = ['Credential', 'high', 'the service that issued it'];

export function ruleOf(id: string): SecretRule {
  const [name, severity, revokeIn] = table[id] ?? unnamed;
  return { id, name, severity, revokeIn, cweId: id.endsWith('private-key') || id === 'age-secret-key' ? 'CWE-321' : 'CWE-798' };
}
