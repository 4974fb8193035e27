import { STATUS_FILTERS, type ViewRequest } from "../liveMessages.ts";

/** What the address asks for, after its `#`. Whatever is not understood is the overview. */
export function readRoute(hash: string): ViewRequest {
  const [path = "", query = ""] = hash.replace(/^#\/?/u, "").split("?", 2);
  const [view, name = ""] = path.split("/", 2);
  const asked = new URLSearchParams(query);
  switch (view) {
    case "followers":
      return {
        view,
        prefix: asked.get("prefix") ?? "",
        after: asked.get("after") ?? "",
        status: STATUS_FILTERS.find((filter) => filter === asked.get("status")) ?? "all",
      };
    case "follower":
      return { view, identifier: decoded(name) };
    case "pairings":
    case "feed":
      return { view };
    default:
      return { view: "overview" };
  }
}

export function routeOf(request: ViewRequest): string {
  switch (request.view) {
    case "followers": {
      const { prefix, after, status } = request;
      const asked = new URLSearchParams();
      if (prefix !== "") asked.set("prefix", prefix);
      if (status !== "all") asked.set("status", status);
      if (after !== "") asked.set("after", after);
      return asked.size === 0 ? "#/followers" : `#/followers?${asked}`;
    }
    case "follower":
      return `#/follower/${encodeURIComponent(request.identifier)}`;
    default:
      return `#/${request.view}`;
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
