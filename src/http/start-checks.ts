import { KeyctlError } from '../domain/error.ts';
import type { Catalogue } from './catalogue.ts';
import type { Logger, ServeOptions } from './options.ts';

/**
 * Looks at the options beside what the store holds. Throws `not_found` for an environment that does not exist, since every key would be denied
 * with a reason that misleads; warns of a service that does not exist, and of services on which keys of every environment pass.
 */
export function checkAgainstCatalogue(options: ServeOptions, catalogue: Catalogue, log: Logger): void {
  const { environment, service } = options;
  // What cannot be resolved is not repeated: it may be a secret in the wrong place.
  if (environment !== null && !catalogue.environments.has(environment)) {
    throw new KeyctlError('not_found', 'The environment of --environment does not exist.', { hint: 'See: keyctl env list' });
  }
  if (service !== null && !catalogue.services.has(service)) {
    log.warn({}, 'the service of --service does not exist; every request will be denied as unknown_service');
  }
  if (environment !== null) return;
  const served = [...catalogue.services.values()].filter(({ name }) => service === null || name === service);
  const open = served.filter((candidate) => candidate.environment === null).map(({ name }) => name);
  if (open.length > 0) {
    log.warn(
      { services: open },
      'keys of every environment pass, development keys too; give --environment production or bind the services to one',
    );
  }
}
