import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePorts } from "../support/freePorts.ts";

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, "../..");
const LOG_BYTES = 64 * 1024 * 1024;

/** A container as the engine tells of it. */
export interface Container {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  readonly health: string;
}

/** The cluster of docker-compose.yml, in a project, a network and on ports of its own, so that another one may run beside it. */
export class ComposeCluster {
  readonly followersUrl: string;
  readonly adminUrl: string;
  readonly statisticsUrl: string;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(ports: readonly number[]) {
    const [followers = 0, admin = 0, statistics = 0] = ports;
    this.followersUrl = `ws://127.0.0.1:${followers}`;
    this.adminUrl = `http://127.0.0.1:${admin}`;
    this.statisticsUrl = `http://127.0.0.1:${statistics}`;
    this.#env = {
      ...process.env,
      COMPOSE_PROJECT_NAME: `yonexus-test-${followers}`,
      DEPLOY_FOLLOWERS_PORT: String(followers),
      DEPLOY_CONSOLE_PORT: String(admin),
      DEPLOY_STATISTICS_PORT: String(statistics),
      DEPLOY_FRONT_SUBNET: "172.30.199.0/24",
      DEPLOY_FRONT_RANGE: "172.30.199.128/25",
      DEPLOY_HAPROXY_ADDRESS: BALANCER_ADDRESS,
    };
  }

  static async reserve(): Promise<ComposeCluster> {
    return new ComposeCluster(await freePorts(3));
  }

  /** `docker compose …`. @throws {Error} with what it said, when it ends with another code than 0. */
  async compose(...args: string[]): Promise<string> {
    return this.#run("docker", ["compose", "--progress", "quiet", ...args]);
  }

  /** `docker compose up --detach --wait …`. @throws {Error} with the last lines of every container that is not healthy. */
  async up(...args: string[]): Promise<void> {
    try {
      await this.compose("up", "--detach", "--wait", "--wait-timeout", "300", ...args);
    } catch (cause) {
      const ill = (await this.containers()).filter(({ health }) => health !== "healthy");
      const said = ill.map(
        async ({ id, name }) => `${name}:\n${await this.#run("docker", ["logs", "--tail", "20", id])}`,
      );
      throw new Error(`The cluster did not come up.\n${(await Promise.all(said)).join("\n")}`, { cause });
    }
  }

  /** What is typed after `docker compose exec coordinator`. */
  async inCoordinator(...command: string[]): Promise<string> {
    return this.compose("exec", "-T", "coordinator", ...command);
  }

  /** What all containers of a service printed. */
  async output(service: string): Promise<string> {
    const ids = (await this.containers(service)).map(({ id }) => id);
    return (await Promise.all(ids.map((id) => this.#run("docker", ["logs", id])))).join("");
  }

  /** deploy/rolling-restart.sh, and what it said. */
  async rollingRestart(...services: string[]): Promise<string> {
    return this.#run(join(ROOT, "deploy/rolling-restart.sh"), services);
  }

  async containers(service?: string): Promise<Container[]> {
    const lines = await this.compose("ps", "--format", "json", ...(service === undefined ? [] : [service]));
    return lines
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const { ID, Name, Service, Health } = JSON.parse(line) as Record<string, string>;
        return { id: ID ?? "", name: Name ?? "", service: Service ?? "", health: Health ?? "" };
      });
  }

  /** Where a container is in a network of the cluster. This machine reaches it there, as far as the engine runs on Linux. */
  async addressOf(container: string, network: "front" | "data"): Promise<string> {
    const name = `${this.#env.COMPOSE_PROJECT_NAME}_${network}`;
    const format = `{{ (index .NetworkSettings.Networks ${JSON.stringify(name)}).IPAddress }}`;
    return (await this.#run("docker", ["inspect", "--format", format, container])).trim();
  }

  async inspect(container: string, format: string): Promise<string> {
    return (await this.#run("docker", ["inspect", "--format", format, container])).trim();
  }

  /** The Redis of the cluster as this machine reaches it. */
  async redisUrl(): Promise<string> {
    const [redis] = await this.containers("redis");
    const url = (await this.inCoordinator("cat", "/run/secrets/redis_url")).trim();
    return url.replace("@redis:", `@${await this.addressOf(redis?.id ?? "", "data")}:`);
  }

  async masterKey(): Promise<Uint8Array> {
    return Buffer.from(await this.inCoordinator("cat", "/run/secrets/master_key"), "base64");
  }

  /** Everything away: containers, networks, secrets and data. */
  async remove(): Promise<void> {
    await this.compose("down", "--volumes", "--timeout", "10");
  }

  async #run(program: string, args: readonly string[]): Promise<string> {
    const { stdout, stderr } = await run(program, args, { cwd: ROOT, env: this.#env, maxBuffer: LOG_BYTES });
    return args[0] === "compose" ? stdout : `${stdout}${stderr}`;
  }
}

/** HAProxy's, in the network of the tests. */
export const BALANCER_ADDRESS = "172.30.199.2";
