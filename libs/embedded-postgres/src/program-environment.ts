/**
 * PostgreSQL's programs inherit nothing, so that nobody's LC_ALL or PGOPTIONS changes what they do. The system's own tools are
 * found whatever the user's PATH is.
 */
export const programEnvironment = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
