/** A program of its own: a server with files where its first argument says, in JSON, to be killed. Prints its address. */
import { openTestApp } from './http-app.ts'

const place = JSON.parse(process.argv[2]!)
const app = await openTestApp({ store: { ...place, maxBytes: 2 ** 30 } })
process.stdout.write(`${await app.listen()}\n`)
