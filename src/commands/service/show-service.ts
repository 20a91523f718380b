import type { Service } from '../../domain/entities.ts';
import { grouped } from '../../domain/grouped.ts';
import { SERVICE_FIELDS, serviceJson } from '../../operations/find-service.ts';
import type { Output } from '../../terminal/output.ts';

/** What a command did to a service: the service in JSON, a sentence otherwise. */
export function showService(out: Output, service: Service, sentence: string): void {
  out.show(serviceJson(service), () => sentence, SERVICE_FIELDS);
}

/** `search: 300 credits a request, for keys of production only` */
export function describeService({ name, cost, environment }: Service): string {
  return `${name}: ${grouped(cost)} credits a request, for keys of ${environment === null ? 'any environment' : `${environment} only`}`;
}
