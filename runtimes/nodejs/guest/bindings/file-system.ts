/** `internalBinding('fs')`, as node_file.cc has it. */
import type { Binding } from '../binding-shape.ts';
import { fileContents } from './file-contents.ts';
import { fileCopy } from './file-copy.ts';
import { CpDirJob, FileHandle, ReadFileJob, WriteFileJob, openFileHandle } from './file-jobs.ts';
import { FSReqCallback, usePromises } from './file-request.ts';
import { STAT_FIELDS, bigintStatValues, fileStatus, statValues } from './file-status.ts';
import { fileTree } from './file-tree.ts';
import { StatWatcher } from './file-watch.ts';

export const createFileSystem = (): Binding => ({
  ...fileContents,
  ...fileCopy,
  ...fileStatus,
  ...fileTree,
  openFileHandle,
  kFsStatsFieldsNumber: STAT_FIELDS,
  kUsePromises: usePromises,
  statValues,
  bigintStatValues,
  CpDirJob,
  FileHandle,
  FSReqCallback,
  ReadFileJob,
  StatWatcher,
  WriteFileJob,
});
