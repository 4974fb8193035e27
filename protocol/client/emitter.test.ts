import { expect, test } from "vitest";
import { Emitter } from "./emitter.ts";

interface Events {
  news: number;
}

test("a listener that throws is reported, and the other listeners are still called", () => {
  const failures: unknown[] = [];
  const heard: number[] = [];
  const emitter = new Emitter<Events>((name, error) => failures.push([name, error]));
  const failure = new Error("broken");
  emitter.on("news", () => {
    throw failure;
  });
  emitter.on("news", (value) => heard.push(value));
  emitter.emit("news", 7);
  expect(heard).toEqual([7]);
  expect(failures).toEqual([["news", failure]]);
});

test("the rejection of an async listener is reported", async () => {
  const reported = Promise.withResolvers<unknown>();
  const emitter = new Emitter<Events>((_name, error) => reported.resolve(error));
  const failure = new Error("broken later");
  emitter.on("news", () => Promise.reject(failure));
  emitter.emit("news", 1);
  expect(await reported.promise).toBe(failure);
});

test("a removed listener is not called again, and the same function registered twice is removed once", () => {
  const heard: number[] = [];
  const emitter = new Emitter<Events>(() => undefined);
  const listen = (value: number) => heard.push(value);
  const remove = emitter.on("news", listen);
  emitter.on("news", listen);
  remove();
  remove();
  emitter.emit("news", 3);
  expect(heard).toEqual([3]);
});
