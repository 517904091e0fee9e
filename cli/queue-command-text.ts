import {
  commandType,
  commandWords,
  deviceTlbOperands,
  directoryOperands,
  fenceOperands,
  translationOperands,
  typeOfCommand,
} from '../models/riscv/commands.ts';
import { requesterText } from './requester-text.ts';

/** A command of a RISC-V IOMMU in the words of its specification: `IOTINVAL.VMA PSCID 5, page 0x1000`. */
export function commandText(words: readonly number[]): string {
  switch (typeOfCommand(words, 0)) {
    case commandType.iotinvalVma:
      return `IOTINVAL.VMA${translationText(words)}`;
    case commandType.iotinvalGvma:
      return `IOTINVAL.GVMA${translationText(words)}`;
    case commandType.iofence:
      return `IOFENCE.C${fenceText(words)}`;
    case commandType.iodirDdt:
      return `IODIR.INVAL_DDT ${deviceText(directoryOperands(words, 0).did)}`;
    case commandType.iodirPdt: {
      const { did, pid } = directoryOperands(words, 0);
      return `IODIR.INVAL_PDT ${deviceText(did)}, process ${pid}`;
    }
    case commandType.atsInval: {
      const { sid, pasid } = deviceTlbOperands(words, 0);
      return `ATS.INVAL ${requesterText(sid)}${pasid < 0 ? '' : `, PASID ${pasid}`}`;
    }
    case commandType.atsPrgr:
      return 'ATS.PRGR';
    default:
      return 'no command';
  }
}

/** Whether fetched words are a command; descriptors of VT-d are longer. */
export function isCommand(words: readonly number[]): boolean {
  return words.length === commandWords;
}

function translationText(words: readonly number[]): string {
  const { pscid, gscid, pages } = translationOperands(words, 0);
  const parts = [
    gscid === undefined ? '' : `GSCID ${gscid}`,
    pscid === undefined ? '' : `PSCID ${pscid}`,
    pages === undefined
      ? ''
      : `${pages.pageCount === 1 ? 'page' : `${pages.pageCount} pages at`} 0x${(pages.firstPage * 4096).toString(16)}`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? ' all' : ` ${parts.join(', ')}`;
}

function fenceText(words: readonly number[]): string {
  const { reads, writes, store } = fenceOperands(words, 0);
  return `${reads ? ' PR' : ''}${writes ? ' PW' : ''}${store === undefined ? '' : ' AV'}`;
}

function deviceText(did: number): string {
  return did < 0 ? 'all' : requesterText(did);
}
