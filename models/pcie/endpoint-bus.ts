import type { DeviceTlbInvalidation, DeviceTlbPort } from '../iommu/device-tlb-port.ts';
import type { AtsEndpoint } from './ats-endpoint.ts';

/** The functions with ATS behind one unit, by requester ID. A message to anyone else is lost. */
export class EndpointBus implements DeviceTlbPort {
  readonly #endpoints = new Map<number, AtsEndpoint>();

  add(endpoint: AtsEndpoint): void {
    this.#endpoints.set(endpoint.sid, endpoint);
  }

  endpoint(sid: number): AtsEndpoint | undefined {
    return this.#endpoints.get(sid);
  }

  list(): readonly AtsEndpoint[] {
    return [...this.#endpoints.values()];
  }

  send(request: DeviceTlbInvalidation): void {
    this.#endpoints.get(request.sid)?.receive(request);
  }

  mayStaySilent(sid: number, itag: number): boolean {
    return this.#endpoints.get(sid)?.mayStaySilent(itag) ?? true;
  }

  get someMayStaySilent(): boolean {
    return this.list().some(({ canBeSilent }) => canBeSilent);
  }
}
