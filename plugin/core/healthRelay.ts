import type { ServiceHealth } from "./host.ts";
import type { HealthReport } from "./linkHealth.ts";

/** What the plugin says of its health, kept until OpenClaw's service is there to hear it, and said again to a new one. */
export class HealthRelay implements HealthReport {
  #service: ServiceHealth | undefined;
  #problem: string | undefined;

  attach(service: ServiceHealth | undefined): void {
    this.#service = service;
    if (this.#problem !== undefined) this.#service?.reportFailure(new Error(this.#problem));
  }

  detach(): void {
    this.#service = undefined;
  }

  failed(problem: string): void {
    this.#problem = problem;
    this.#service?.reportFailure(new Error(problem));
  }

  /** Said even when nothing was wrong here: an earlier start of the plugin may have left its failure with OpenClaw. */
  well(): void {
    this.#problem = undefined;
    this.#service?.clearFailure();
  }
}
