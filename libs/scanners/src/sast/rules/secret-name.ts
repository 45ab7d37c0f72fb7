/** Names of what must not be guessed, as a Rust regular expression. */
export const secretName = '(?i)(?:token|secret|passw|nonce|otp\\b|session|api_?key|csrf|salt|verification|reset_?code|invite_?code)';
