/** Which addresses pictures may be fetched from: those of the public internet, and where it is allowed of private networks. */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/**
 * Agents and metadata services of clouds, which hand out credentials: Azure's in a public range, Alibaba's in the shared one,
 * those of Amazon and Google in unique-local ones. The others lie in link-local and reserved ranges, which are refused as such.
 */
const INSIDE_CLOUDS = new Set(['168.63.129.16', '100.100.100.200', 'fd00:ec2::254', 'fd20:ce::254'])

/** Ranges of ipaddr.js that the hosts of a closed network have. */
const PRIVATE_RANGES = new Set(['loopback', 'private', 'carrierGradeNat', 'uniqueLocal'])

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
  if (address.kind() === 'ipv4') return !INSIDE_CLOUDS.has(address.toString())
  const v6 = address as ipaddr.IPv6
  return v6.match(GLOBAL_UNICAST) && !isIsatap(v6)
}

/**
 * Whether an IP address, as text, belongs to a host of a private network: loopback, private, shared and unique-local
 * ranges. Link-local ones and the services of clouds do not; nobody keeps pictures there.
 */
export function isPrivateAddress(text: string): boolean {
  if (isIP(text) === 0) return false
  const address = ipaddr.parse(text)
  return PRIVATE_RANGES.has(address.range()) && !INSIDE_CLOUDS.has(address.toString())
}

/** Interface identifier 0000:5efe or 0200:5efe before an IPv4 address (RFC 5214 §6.1). */
function isIsatap({ parts }: ipaddr.IPv6): boolean {
  return (parts[4] === 0 || parts[4] === 0x200) && parts[5] === 0x5efe
}
