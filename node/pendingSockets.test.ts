import { expect, it } from "vitest";
import { PendingSockets } from "./pendingSockets.ts";

class FakeSocket {
  isDestroyed = false;
  destroy(): void {
    this.isDestroyed = true;
  }
}

function setUp(total: number, perAddress: number) {
  const pending = new PendingSockets<FakeSocket>({ total, perAddress });
  const open = (address?: string) => {
    const socket = new FakeSocket();
    pending.enter(socket, address);
    return socket;
  };
  return { pending, open };
}

it("a socket over the limit of its address ends the longest waiting one of that address, and no other", () => {
  const { open } = setUp(10, 2);
  const other = open("b");
  const [first, second, third] = [open("a"), open("a"), open("a")];
  expect([first, second, third, other].map(({ isDestroyed }) => isDestroyed)).toEqual([true, false, false, false]);
});

it("a socket over the limit of all ends the longest waiting one, wherever it is from", () => {
  const { pending, open } = setUp(2, 2);
  const [first, second, third] = [open("a"), open(), open("c")];
  expect([first, second, third].map(({ isDestroyed }) => isDestroyed)).toEqual([true, false, false]);
  expect(pending.size).toBe(2);
});

it("addresses that stand for many clients count in the total alone", () => {
  const { pending, open } = setUp(5, 1);
  for (let count = 0; count < 5; count += 1) open();
  expect(pending.size).toBe(5);
});

it("one that left makes room, and leaves once however often it is told", () => {
  const { pending, open } = setUp(5, 1);
  const first = open("a");
  pending.leave(first);
  pending.leave(first);
  open("a");
  expect(first.isDestroyed).toBe(false);
  expect(pending.size).toBe(1);
});
