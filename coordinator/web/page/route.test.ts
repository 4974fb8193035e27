import { describe, expect, it } from "vitest";
import type { ViewRequest } from "../liveMessages.ts";
import { readRoute, routeOf } from "./route.ts";

describe("an address", () => {
  it.each<[string, ViewRequest]>([
    ["#/overview", { view: "overview" }],
    ["#/followers", { view: "followers", prefix: "", after: "", status: "all" }],
    [
      "#/followers?prefix=a.b&status=offline&after=a.b-9",
      { view: "followers", prefix: "a.b", after: "a.b-9", status: "offline" },
    ],
    ["#/follower/alpha", { view: "follower", identifier: "alpha" }],
    ["#/pairings", { view: "pairings" }],
    ["#/feed", { view: "feed" }],
  ])("%s asks for its view, and the view has that address", (hash, request) => {
    expect(readRoute(hash)).toEqual(request);
    expect(routeOf(request)).toBe(hash);
  });

  it.each(["", "#", "#/nothing", "#sign-in=x", "#/followersx"])("%j that names no view is the overview", (hash) => {
    expect(readRoute(hash)).toEqual({ view: "overview" });
  });

  it("with a status or an escape that there is not is read as far as it goes", () => {
    expect(readRoute("#/followers?status=asleep")).toMatchObject({ status: "all" });
    expect(readRoute("#/follower/%zz")).toEqual({ view: "follower", identifier: "%zz" });
  });
});
