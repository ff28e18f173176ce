// A model that shall be tried: a file that one has, an address, or one that is offered; and what it is for.
import { useState, type FormEvent } from 'react';
import { OUTPUT_FORMATS, type ModelJobRequest, type OfferedModel, type SupervisedModel } from '@ruth/protocol';
import { SelectField, TextArea, TextField } from '../controls/fields.tsx';
import { useObservable } from '../observable.ts';
import { failureText } from '../system/api.ts';
import { usePolled } from '../system/use-polled.ts';
import { dropTarget, FileChooser } from './file-chooser.tsx';
import { ModelUploadStore } from './model-upload.ts';

const OFFERED_EVERY_MS = 600_000;
const KINDS = [['add', 'Add it as a new model'], ['swap', 'Put it in the place of one that runs'], ['shadow', 'Compare it with one that runs, change nothing']] as const;
/** No recipe is called so. */
const [FILE, ADDRESS] = ['a file', 'an address'] as const;
const UNTOLD = '';
const FORMATS = [[UNTOLD, 'As the file tells'], ...OUTPUT_FORMATS.filter((format) => format !== 'custom').map((format) => [format, format] as const)] as const;

const uploadStore = new ModelUploadStore();

export function NewModel({ installed, onBegin }: { installed: readonly SupervisedModel[]; onBegin: (request: ModelJobRequest) => Promise<boolean> }) {
  const { value: offered } = usePolled<OfferedModel[]>('models/offered', OFFERED_EVERY_MS);
  const upload = useObservable(uploadStore);
  const running = installed.filter(({ state }) => state === 'running').map(({ model_id, model_name }) => [model_id, model_name ?? model_id] as const);
  const [from, setFrom] = useState<string>(FILE);
  const [address, setAddress] = useState('');
  const [sha256, setSha256] = useState('');
  const [modelId, setModelId] = useState('');
  const [format, setFormat] = useState<string>(UNTOLD);
  const [namesText, setNamesText] = useState('');
  const [kind, setKind] = useState<ModelJobRequest['kind']>('add');
  const [target, setTarget] = useState('');
  const names = namesText.split('\n').map((line) => line.trim()).filter((line) => line !== '');
  const chosen = offered?.find(({ recipe }) => recipe === from) ?? null;
  const isFile = from === FILE;
  const isSending = upload.sentBytes !== null;
  const isReady = isFile ? upload.file !== null && !isSending : chosen !== null || address.trim() !== '';
  const choose = (files: readonly File[]): void => { setFrom(FILE); uploadStore.choose(files); };
  const begin = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const id = kind === 'add' ? modelId.trim() : target || running[0]?.[0];
    const request = { kind, ...(id ? { model_id: id } : {}), ...(chosen || format === UNTOLD ? {} : { format }), ...(chosen || names.length === 0 ? {} : { names }), ...(chosen || sha256.trim() === '' ? {} : { sha256: sha256.trim().toLowerCase() }) };
    const hasBegun = isFile ? await uploadStore.try(request) : await onBegin({ ...request, source: chosen?.recipe ?? address.trim() });
    if (hasBegun && !isFile) setAddress('');
  };
  return (
    <form className="panel" aria-label="Add a model" onSubmit={(event) => void begin(event)} {...dropTarget(choose)}>
      <h3>Add a model</h3>
      <div className="fields">
        <SelectField label="Model" value={from} choices={[[FILE, 'A file of yours'], [ADDRESS, 'By address'], ...(offered ?? []).map(({ recipe, model_name: name, license }) => [recipe, `${name} (${license})`] as const)]} onChange={setFrom} />
        {chosen && <p className="hint">{chosen.description} {chosen.expect} By {chosen.author}. Licence: {chosen.license}{chosen.license_note ? `. ${chosen.license_note}` : ''}{chosen.published ? '' : ' Nobody publishes it as ONNX: the job says which commands make it.'}</p>}
        {isFile && <FileChooser label="ONNX file" accept=".onnx" file={upload.file} sentBytes={upload.sentBytes} onChoose={choose} onCancel={() => uploadStore.cancel()} />}
        {isFile && upload.failure && <p className="problem" role="alert">{failureText(upload.failure)}</p>}
        {!chosen && (
          <div className="field-pair wide">
            {!isFile && <TextField label="Address of an ONNX file, or npm:package/file" value={address} required maxLength={2048} placeholder="https://example.org/model.onnx" onChange={setAddress} />}
            <TextField label="SHA-256 of the file" value={sha256} maxLength={64} hint={isFile ? 'As its author states it: what was sent is compared. It may be left out' : 'As its author states it; none where there is none'} onChange={setSha256} />
            <SelectField label="How its outputs are read" hint="Where the file does not tell, the job says what it found" value={format} choices={FORMATS} onChange={setFormat} />
            <TextArea label="Names of its classes, one a line" rows={3} value={namesText} hint={names.length === 0 ? 'In the order of its outputs. Many files tell them, and it may be left empty' : `${names.length} ${names.length === 1 ? 'name' : 'names'}`} onChange={setNamesText} />
          </div>
        )}
        <div className="field-pair wide">
          <SelectField label="What for" value={kind} choices={KINDS} onChange={setKind} />
          {kind === 'add' ? <TextField label="Its id" value={modelId} maxLength={63} hint={chosen ? `${chosen.model_id} unless told` : 'In paths and messages; that of the file unless told'} onChange={setModelId} />
            : <SelectField label="The model that runs" value={target || (running[0]?.[0] ?? '')} choices={running} onChange={setTarget} />}
        </div>
      </div>
      <div className="actions"><button type="submit" className="button primary" disabled={!isReady}>{isFile ? (isSending ? 'Sending' : 'Send and try it') : 'Fetch and try it'}</button></div>
    </form>
  );
}
