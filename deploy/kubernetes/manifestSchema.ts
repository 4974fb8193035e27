/** A file's object of the Kubernetes API, not looked at yet. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
}

interface SchemaError {
  readonly instancePath: string;
  readonly message?: string;
}

/** As `kubernetes-models` compiles it from the API's description. */
interface SchemaValidator {
  (value: unknown): boolean;
  readonly errors?: readonly SchemaError[] | null;
}

/**
 * What is wrong with an object by the schemas of the Kubernetes API, one sentence each. Unknown fields count, as they do for
 * `kubectl apply`: the compiled schemas let them pass, and read every field that they know, so those that were not read are unknown.
 */
export async function manifestProblems(manifest: Manifest): Promise<string[]> {
  const { validate } = (await import(schemaModule(manifest))) as { validate: SchemaValidator };
  const watched = new WatchedValue(manifest, "");
  validate(watched.proxy);
  const errors = (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? "is wrong"}`);
  return [...errors, ...watched.unread().map((path) => `${path} is not a field that Kubernetes knows`)];
}

/** `apps/v1` Deployment → IoK8sApiAppsV1Deployment. */
function schemaModule({ apiVersion, kind }: Manifest): string {
  const [version = "", group = "core"] = apiVersion.split("/").reverse();
  const words = [group.split(".")[0] ?? "", version].map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return `kubernetes-models/_schemas/IoK8sApi${words.join("")}${kind}`;
}

/** Remembers which fields of a JSON value were read. */
class WatchedValue {
  readonly proxy: object;
  readonly #value: object;
  readonly #path: string;
  readonly #read = new Set<string>();
  readonly #children = new Map<string, WatchedValue>();

  constructor(value: object, path: string) {
    this.#value = value;
    this.#path = path;
    this.proxy = new Proxy(value, {
      get: (target, key) => {
        const field: unknown = Reflect.get(target, key);
        if (typeof key === "symbol") return field;
        this.#read.add(key);
        return typeof field === "object" && field !== null ? this.#child(key, field).proxy : field;
      },
    });
  }

  unread(): string[] {
    const own = Array.isArray(this.#value) ? [] : Object.keys(this.#value).filter((key) => !this.#read.has(key));
    const deeper = [...this.#children.values()].flatMap((child) => child.unread());
    return [...own.map((key) => `${this.#path}/${key}`), ...deeper];
  }

  #child(key: string, value: object): WatchedValue {
    let child = this.#children.get(key);
    if (child === undefined) {
      child = new WatchedValue(value, `${this.#path}/${key}`);
      this.#children.set(key, child);
    }
    return child;
  }
}
