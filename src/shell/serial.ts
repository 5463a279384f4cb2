/** Makes calls one after the other: a call starts when the one before it has ended, well or badly. */
export function createQueue(): <Result>(call: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  return (call) => {
    const result = last.then(call, call);
    last = result.catch(() => undefined);
    return result;
  };
}
