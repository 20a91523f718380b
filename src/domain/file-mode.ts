const GROUP_AND_OTHERS = 0o077;

/**
 * Whether others than its owner may use a file of that mode. On Windows Node knows no group and no others and tells the owner's bits for
 * them (documentation of `fs.chmod`), so that every file would seem open there; who may use it stands in its access list, which is not asked.
 */
export function othersMayUse(mode: number, platform: NodeJS.Platform): boolean {
  return platform !== 'win32' && (mode & GROUP_AND_OTHERS) !== 0;
}
