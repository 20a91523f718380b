/**
 * Acts on each item in turn, in as many lanes as there are rooms; a room has one item at a time. When an act fails no other is begun, those that
 * were have ended when it throws, and it throws the failure that came first, of which the others may be consequences.
 */
export async function sideBySide<Item, Room>(
  items: readonly Item[],
  rooms: readonly Room[],
  act: (item: Item, room: Room) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  const failures: unknown[] = [];
  const lane = async (room: Room): Promise<void> => {
    try {
      // One iterator for all lanes: each takes what is next.
      for (const item of waiting) {
        await act(item, room);
        if (failures.length > 0) return;
      }
    } catch (error) {
      failures.push(error);
    }
  };
  await Promise.all(rooms.map(lane));
  if (failures.length > 0) throw failures[0];
}
