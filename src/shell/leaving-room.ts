/** How a crew leaves room for other work: it does about half of what it could, whatever the device. */

/** Workers of a crew that could have `full` of them: one core stays free where there are several. */
export function crewSize(full: number, leavesRoom: boolean): number {
  return leavesRoom ? Math.max(1, full - 1) : full;
}

/** Share of their time that `running` workers of a full crew work, so that together they do half of what the full crew would. */
export function workShare(running: number, full: number, leavesRoom: boolean): number {
  return leavesRoom ? Math.min(1, full / (2 * running)) : 1;
}
