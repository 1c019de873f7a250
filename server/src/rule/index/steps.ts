/** Work in parts, each short; whoever runs it may do something else between two of them. */
export type Steps<T> = Generator<void, T, void>

/** Does all of it in one go. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
}
