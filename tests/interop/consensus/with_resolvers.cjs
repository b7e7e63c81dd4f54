// Some of the client's packages are younger than Node 20, which lacks this.
Promise.withResolvers ??= function () {
  let resolve, reject;
  const promise = new this((kept, broken) => {
    resolve = kept;
    reject = broken;
  });
  return { promise, resolve, reject };
};
