/** A program of its own: a server with files in the folder of its first argument, to be killed. Prints its address. */
import { openTestApp } from './http-app.ts'

const folder = process.argv[2]!
const app = await openTestApp({ store: { folder, maxBytes: 2 ** 30 } })
process.stdout.write(`${await app.listen()}\n`)
