/** A clock that all threads and processes of this machine share, so that what one of them began another can place. */

/** Milliseconds since some moment in the past, the same for all; it never goes back. */
export function machineMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}
