/** Bus:device.function, as lspci writes it. */
export function requesterText(sid: number): string {
  const [bus, device, fn] = [sid >>> 8, (sid >>> 3) & 31, sid & 7];
  return `${twoDigits(bus)}:${twoDigits(device)}.${fn}`;
}

function twoDigits(value: number): string {
  return value.toString(16).padStart(2, '0');
}
