import type { ExitCode } from './exit-codes.ts';

/** Ends a command with a message for the user; the fault is in what was asked, so no stack is shown. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The reason of a failed file operation, in words; undefined if the error is not one. */
export function fileErrorReason(error: unknown): string | undefined {
  if (!(error instanceof Error && 'code' in error && 'syscall' in error)) {
    return undefined;
  }
  const code = String(error.code);
  return fileErrors[code] ?? code;
}

const fileErrors: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  ENOTDIR: 'a part of the path is not a folder',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EISDIR: 'is a folder, not a file',
  ELOOP: 'too many symbolic links',
  ENAMETOOLONG: 'the name is too long',
  ENOSPC: 'no space left',
  EROFS: 'the file system is read-only',
};
