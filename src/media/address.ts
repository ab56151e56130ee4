/** Which addresses pictures may be fetched from: those of the public internet and no others. */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/**
 * Addresses in public ranges that answer only inside a cloud: Azure's agent. The metadata services of the others
 * lie in link-local, shared, reserved and unique-local ranges, which are refused as such.
 */
const INSIDE_CLOUDS = ['168.63.129.16']

/** Global unicast as allocated so far (RFC 4291 §2.4); everything else in IPv6 is special in some way. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3')

/**
 * Whether an IP address, as text, belongs to a host of the public internet. False for private, loopback, link-local,
 * multicast, shared (RFC 6598), documentation, benchmarking and reserved ranges, and for IPv6 addresses that carry an
 * IPv4 address: mapped, compatible, 6to4, Teredo, NAT64, ISATAP.
 */
export function isPublicAddress(text: string): boolean {
  // The parser also takes 127.1 and the like; an address as text has one form only.
  if (isIP(text) === 0) return false
  const address = ipaddr.parse(text)
  if (address.range() !== 'unicast') return false
  if (address.kind() === 'ipv4') return !INSIDE_CLOUDS.includes(address.toString())
  const v6 = address as ipaddr.IPv6
  return v6.match(GLOBAL_UNICAST) && !isIsatap(v6)
}

/** Interface identifier 0000:5efe or 0200:5efe before an IPv4 address (RFC 5214 §6.1). */
function isIsatap({ parts }: ipaddr.IPv6): boolean {
  return (parts[4] === 0 || parts[4] === 0x200) && parts[5] === 0x5efe
}
