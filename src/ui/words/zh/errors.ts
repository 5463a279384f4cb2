import { roundUpTo } from '../../../ground/rounding.ts';
import type { Words } from '../en.ts';
import { results } from './results.ts';

type Values = Readonly<Record<string, number | string>>;
const text = (values: Values, name: string): string => String(values[name] ?? '');
const megabytes = (values: Values, name: string): string => String(Math.round(Number(values[name] ?? 0) / 1e6));
const said = (message: string, hint: string) => () => ({ message, hint });
const report = '没有丢失任何内容；请报告此问题。';
const reload = '重新加载页面；已保存的内容不会丢失。';

const saveAsCsv = '请用电子表格软件打开它，选择“另存为”，类型选 CSV（UTF-8），再在这里打开那个文件。';
const exportCsv = '请将其中的表格导出为 CSV，再在这里打开那个文件。';
const unpack = '请先解压，再打开里面的 CSV 文件。';
const notText = '请选择每行一份病历、存为 CSV、TSV 或 JSON Lines 的文件。';
/** Files that are no table, by the name that the error carries, and what to do. */
const otherKinds: Readonly<Record<string, readonly [name: string, hint: string]>> = {
  'a PDF': ['PDF 文件', exportCsv], 'an old Excel or Word file': ['旧版 Excel 或 Word 文件', saveAsCsv], 'a rich text document': ['RTF 文档', exportCsv],
  'a gzip archive': ['gzip 压缩包', unpack], 'a 7z archive': ['7z 压缩包', unpack], 'a RAR archive': ['RAR 压缩包', unpack], 'a ZIP archive': ['ZIP 压缩包', unpack],
  'an image (PNG)': ['PNG 图片', notText], 'an image (JPEG)': ['JPEG 图片', notText], 'an image (GIF)': ['GIF 图片', notText], 'an image (TIFF)': ['TIFF 图片', notText], 'a sound, image or video file': ['音频、图片或视频文件', notText],
  'a SQLite database': ['SQLite 数据库', exportCsv], 'a Parquet file': ['Parquet 文件', exportCsv], 'a web page': ['网页', exportCsv], 'an XML file': ['XML 文件', exportCsv],
  'an Excel file': ['Excel 文件', saveAsCsv], 'an OpenDocument spreadsheet': ['OpenDocument 电子表格', saveAsCsv], 'a text document': ['文字处理文档', exportCsv], 'a binary file': ['二进制文件', notText],
};

/** What a federation's refusals mean, by its reason. */
const turnedAwayBecause: Readonly<Record<string, string>> = {
  'unknown-invitation': '它不认识这份邀请', 'used-invitation': '这份邀请已被另一台设备使用', 'second-invitation': '本设备已凭另一份邀请加入', 'has-left': '本设备已退出联合训练，席位已关闭',
  'not-enrolled': '本设备没有席位', 'no-room': '它不认识这个链接', 'no-seat-left': '所有席位都已被占用',
};
/** Terms of a federation and parts of its task, by the name that the error carries. */
const taskParts: Readonly<Record<string, string>> = {
  'clip norm': '裁剪范数', 'noise multiplier': '噪声倍数', 'norm bound': '长度上限', rounds: '轮数', round: '轮次', task: '任务', 'message type': '消息类型', 'base model': '基础模型', model: '模型', 'model length': '模型长度',
  'shared numbers': '共享的数', 'unit of privacy': '保护单位', 'feature layers': '特征层', 'public mean': '公开均值', projection: '投影', 'number of coordinates': '数的个数', notes: '病历', 'longest note': '最长的病历', labels: '标签',
};
const part = (values: Values, name: string): string => taskParts[text(values, name)] ?? text(values, name);
const amount = (values: Values, name: string): string => {
  const given = text(values, name);
  const [, bound, number] = /^(at most|at least) (\S+)$/.exec(given) ?? [];
  if (bound !== undefined) return `${bound === 'at most' ? '至多' : '至少'} ${number}`;
  return ({ null: '无', none: '无', 'finite numbers': '有限的数', others: '其他' } as Readonly<Record<string, string>>)[given] ?? given.replace(/^(\d+) to (\d+)$/, '$1 至 $2');
};
/** What of a released model did not fit. */
const releaseParts: Readonly<Record<string, string>> = { signature: '签名', version: '版本', hash: '校验值', length: '长度', shape: '形状', numbers: '数值', 'scores of own notes': '对本机病历的评分' };
const protectedUnits: Readonly<Record<string, string>> = { note: '每份病历', person: '每位患者' };

/** Why a run is not trained on from. */
const notTrainedOn: Readonly<Record<string, string>> = { 'nothing-trained': '它什么也没有训练。', ...results.further.obstacles };

/** Errors by code. What a code names (operation, file, setting) is filled in from its values. */
export const errors: Words['codes']['errors'] = {
  'training/search-stopped': said('搜索在结束之前被停止。它已全额记账，且什么也不保留：到目前为止最好的模型不在所记账的承诺之内。', '能够进行到底时再开始，或只训练一次。'),
  'training/search-held-out': said('搜索设置需要留出的病历来选择，而目前没有留出。', '请留出一部分病历，或只训练一次。'),
  'training/search-not-apart': said('有些病历同时在训练部分和留出部分，因此不能按留出部分选择设置而不再对它们记账。', '请只训练一次；若同一文本属于多人，也可改为按人保护。'),
  'training/search-costs-more': (v) => ({ message: `在多次训练中选择本身的花费就超过 ε ${text(v, 'epsilon')}，训练便什么也不剩。`, hint: '请选择更大的 ε 或更少的次数，或只训练一次。' }),
  'training/score-not-apart': said('有些病历同时在训练部分和留出部分，分数对它们的花费会超过留出部分所记的账。', '请保留模型，不带出分数。'),
  'training/cannot-train-on': (v) => ({ message: `不能从第 ${text(v, 'number')} 次运行接着训练：${notTrainedOn[text(v, 'obstacle')] ?? text(v, 'obstacle')}没有记账。`, hint: '请从头训练。' }),
  'training/other-train-on-plan': said('这个计划声称接着某次运行，却不是接着它的那个计划。没有记账。', '请打开该次运行的结果，从那里接着训练。'),
  'training/other-start': said('要接着训练的模型与这个计划不符。没有记账。', '请从该次运行的结果接着训练，或从头训练。'),
  'training/no-kept-noise': said('这个计划接着一次私密运行，却没有说明那里每一步有多少噪声。', '请从该次运行的结果接着训练，或从头训练。'),
  'internal/words-not-loaded': (v) => ({ message: `页面用到的文字“${text(v, 'part')}”没有随它加载。`, hint: reload }),
  'training/has-score': said('该次运行已有分数，或不能有分数。', '请查看该次运行的结果。'),
  'budget/score-refused': said('留出部分剩余的预算不够支付这个分数。没有记账，也没有发布任何内容。', '请保留没有可带出分数的模型，或在了解后果后提高上限。'),
  'privacy/mechanism': said('未知种类的机制没有已知的花费。', '如果文件由较新版本的 Bedside 制作，请使用较新的版本。'),

  cancelled: said('已取消，没有保存任何内容。', '需要时再开始即可。'),

  'data/not-a-table': (v) => {
    const [name, hint] = otherKinds[text(v, 'kind')] ?? ['其他类型的文件', notText];
    return { message: `这是${/^\p{Script=Han}/u.test(name) ? '' : ' '}${name}，不是表格。`, hint };
  },
  'data/empty-file': said('文件是空的。', '请选择有表头且至少有一份病历的文件。'),
  'data/no-rows': said('文件只有表头，下面没有内容。', '请选择表头下至少有一份病历的文件。'),
  'data/too-large': (v) => ({ message: `文件有 ${megabytes(v, 'sizeBytes')} MB，一次最多读取 ${megabytes(v, 'limitBytes')} MB。`, hint: '请拆分文件，每次打开一部分。' }),
  'data/json-not-lines': said('这是跨越多行的一个 JSON 值，而这里需要每行一个对象。', '请另存为 JSON Lines（.jsonl），每行一个对象，或另存为 CSV。'),
  'data/too-many-columns': (v) => ({ message: `文件超过 ${text(v, 'limit')} 列。`, hint: '请只保留正文、标签、患者和分组列。' }),
  'data/header-quote': said('表头中有引号未闭合。', '请补上或删除第一行中的引号。'),
  'data/text-column': (v) => ({ message: `需要一列正文，现有 ${text(v, 'found')} 列。`, hint: '请选择一列作为正文。' }),
  'data/label-column': (v) => ({ message: `需要一列标签，现有 ${text(v, 'found')} 列。`, hint: '请选择一列作为标签。' }),
  'data/person-column': (v) => ({ message: `最多一列患者，现有 ${text(v, 'found')} 列。`, hint: '请最多选择一列作为患者。' }),
  'data/unknown-column': said('所选的列在文件中不存在。', '请重新选择各列。'),
  'data/no-columns': said('此项目的各列尚未确认。', '请在数据页选择正文列和标签列。'),
  'data/no-text-column': said('此文件没有像病历正文的列。', '请让正文列与训练表格中的列同名。'),

  'model/not-found': (v) => ({ message: `无法加载模型文件 ${text(v, 'file')}。`, hint: '请联网一次以加载模型，或检查 models/ 文件夹是否在页面旁边。' }),
  'model/hash-mismatch': (v) => ({ message: `模型文件 ${text(v, 'file')} 与清单不符。`, hint: '请重新加载页面；若仍如此，则服务器上的副本已损坏。' }),
  'model/other-encoder': said('此模型是用另一个基础模型训练的。', '请把当时的基础模型放回 models/，或重新训练。'),
  'model/unsupported-shape': (v) => ({ message: `计算核心要求 ${text(v, 'name')} 为 ${text(v, 'multiple')} 的倍数，实际为 ${text(v, 'found')}。`, hint: '请使用其他模型。' }),
  'model/missing-tensor': (v) => ({ message: `模型缺少张量 ${text(v, 'name')}。`, hint: '请使用由 Hugging Face transformers 保存的 BERT 文件夹。' }),
  'model/tensor-shape': (v) => ({ message: `张量 ${text(v, 'name')} 应为 ${text(v, 'expected')}，实际为 ${text(v, 'found')}。`, hint: '请检查 config.json 是否属于这个 model.safetensors。' }),
  'model/unsupported-config': said('config.json 中的设置不受支持。', '请使用 BERT 编码器（model_type 为 "bert" 或 "distilbert"）。'),
  'model/safetensors': said('model.safetensors 的格式不对。', '文件已损坏或格式不同：请重新复制或下载。'),
  'model/missing-file': (v) => ({ message: `模型缺少 ${text(v, 'file')}。`, hint: '请按 Hugging Face transformers 的保存方式补上。' }),
  'model/json': (v) => ({ message: `${text(v, 'file')} 不是 JSON 对象。`, hint: '文件已损坏：请重新复制或下载。' }),
  'model/tokenizer': said('tokenizer.json 无法使用。', '请使用属于该模型的 tokenizer.json。'),

  'device/worker-died': said('后台线程在完成前结束了。', '已保存的内容没有丢失。若内存不足请关闭其他标签页，然后恢复。'),
  'device/not-open': said('计算设备尚未打开。', '请在设置中运行设备自检。'),
  'device/no-trainer': said('无法启动任何计算线程。', '请在设置中运行设备自检。'),
  'device/kernels-missing': said('无法加载计算核心。', '请联网一次并重新加载页面；之后无需网络。'),
  'device/no-wasm-simd': said('此浏览器不支持模型所需的 WebAssembly SIMD。', '请使用 Chrome 或 Edge 91、Firefox 89、Safari 16.4 或更高版本。'),
  'device/speed-of-wrong-kernels': said('WebAssembly 计算核心在此与普通算术不一致，其速度没有意义。', '请运行上方的自检查看是哪一个，并使用其他浏览器。'),
  'device/stale-kernels': (v) => ({ message: `WebAssembly 文件中没有运算 ${text(v, 'name')}。`, hint: '请重新加载页面；若无效，请重新构建。' }),
  'device/out-of-memory': said('设备内存不足。', '请关闭其他标签页，或使用更小的模型或更短的文本。'),
  'device/memory-gone': (v) => ({ message: `剩余内存不足以处理长达 ${text(v, 'tokens')} 个词片的病历：比运行开始时少了。`, hint: '请关闭其他标签页，然后恢复；或以更短的最大长度或更小的模型开始新的运行。' }),
  'device/step-too-large': (v) => ({
    message: `一步处理 ${text(v, 'tokens')} 个词片需要 ${text(v, 'needed')} MB 内存；此处最多可用 ${text(v, 'available')} MB。${v['fits'] === 0 ? '' : `${text(v, 'fits')} 个词片放得下。`}`,
    hint: v['fits'] === 0 ? '请使用更小的模型、更低的适配器秩，或训练更少的层。' : `请将最大长度设为 ${text(v, 'fits')} 或更小，或使用更小的模型或更低的适配器秩。`,
  }),
  'device/no-webgpu': said('此浏览器在这里不提供 WebGPU。', '请使用 WebAssembly，或在支持 WebGPU 的浏览器中通过 https 打开。'),
  'device/no-adapter': said('WebGPU 没有找到图形芯片。', '请使用 WebAssembly，或在浏览器设置中开启硬件加速。'),
  'device/busy': said('正在训练，现在不能更换计算方式。', '请等运行结束，或先停止它，然后重试。'),
  'device/lost': said('图形芯片无响应。', '没有丢失任何内容；训练会从上次保存处继续。'),
  'device/fault': said('图形芯片拒绝了一条指令。', '请使用 WebAssembly，并报告此问题。'),
  'device/buffer-too-large': said('所需的缓冲区超过图形芯片的上限。', '请选择更小的批量或更小的模型。'),
  'device/unsupported-width': said('图形芯片不支持此模型的宽度。', '请为此模型使用 WebAssembly。'),

  'storage/quota-exceeded': said('没有空间可以保存。之前保存的内容没有变化。', '请释放本设备的空间，或在设置中清除缓存和旧项目，然后重试。'),
  'storage/write-aborted': said('浏览器撤销了一次写入。之前保存的内容没有变化。', '请重试；若再次发生，请释放本设备的空间。'),
  'storage/upgrade-blocked': said('另一个标签页打开着旧版 Bedside，因此这里无法打开已保存的项目。', '请关闭其他 Bedside 标签页，然后重新加载本页。'),
  'storage/closed': said('与已保存项目的连接已关闭。', '请重新加载本页。'),
  'storage/unavailable': said('此浏览器不允许 Bedside 在这里保存任何内容。', '请退出隐私浏览，或允许本站存储数据，然后重新加载。'),
  'storage/not-durable': said('账本需要严格持久的存储，而浏览器不提供。', '请使用新版 Chrome、Edge、Firefox 或 Safari；在此之前不能私密训练。'),
  'storage/ledger-moved-on': said('另一个标签页写入了账本。这里没有写入任何内容。', '请关闭其他 Bedside 标签页，或等其运行结束后重试。'),
  'storage/other-tab': said('另有一次运行或攻击测试正在进行，在本标签页或另一个标签页中。', '请等它完成，或打开它的项目并在那里停止。'),
  'storage/share-lost': (v) => ({ message: `无法写出项目文件，而要随它带走的隐私预算 ε ${text(v, 'epsilon')} 已经失去。`, hint: '病历和模型没有受损。请再次保存文件，少带或不带预算；新的一份从剩余中扣除。' }),
  'storage/run-goes-on': said('这个项目的一次运行仍在进行。没有删除任何内容。', '请先在训练页停止它，或等它结束。'),
  'storage/missing': said('保存的内容不在了。', '请回到起始页；它可能已在另一个标签页中删除。'),

  'settings/out-of-range': (v) => ({ message: `设置 ${text(v, 'name')} 超出范围，实际为 ${text(v, 'found')}。`, hint: '请更改该设置。' }),
  'project/promise-too-small': (v) => ({ message: `此文件称运行 ${text(v, 'run')} 承诺 ε ${text(v, 'found')}；而按文件自己列出的发布，在 δ ${text(v, 'delta')} 下应为 ε ${text(v, 'expected')}。没有打开任何内容。`, hint: '文件在保存之后被改动或损坏。请在它的来源处重新保存，并在那里对照此运行的隐私声明。' }),
  'project/promise-of-another-unit': (v) => ({ message: `此文件称运行 ${text(v, 'run')} 的承诺保护的是${v['found'] === 'person' ? '一个人' : '一条记录'}，而按文件的其余内容，保护的是${v['expected'] === 'person' ? '一个人' : '一条记录'}。没有打开任何内容。`, hint: '文件在保存之后被改动或损坏。请在它的来源处重新保存。' }),
  'project/promise-unsound': (v) => ({ message: `无法推算此文件中运行 ${text(v, 'run')} 所作的承诺。没有打开任何内容。`, hint: '文件在保存之后被改动或损坏，或由较新版本的 Bedside 制作。' }),
  'project/exhausts-others': (v) => ({ message: `按此文件所记的花费与份额，本设备上有 ${text(v, 'count')} 个数据集将几乎没有可用的隐私预算：现有 ε ${text(v, 'before')}，之后 ε ${text(v, 'left')}。没有打开任何内容。`, hint: '只有在信任文件来源时才打开：记入的花费不可撤销，只有清除整个账本才能去掉。若其中的病历属于另一些人，请之后在其训练页上说明。' }),
  'settings/share-too-large': (v) => ({ message: `这批病历最多还能带走 ε ${text(v, 'largest')}，输入为 ${text(v, 'found')}。没有带走任何预算，也没有写文件。`, hint: '请减少数值，或不带：不带预算的副本可以使用，但不能私密训练。' }),
  'settings/budget-not-set': said('此数据集尚未设定隐私预算。没有记账，也没有发布。', '请先设定上限。'),
  'settings/delta-rises': (v) => ({ message: `数据集的 δ 只能降低：当前为 ${text(v, 'current')}，输入为 ${text(v, 'found')}。`, hint: `请使用 ${text(v, 'current')} 或更小的值。` }),

  'budget/exhausted': (v) => ({ message: `这一步会使 ε 达到 ${text(v, 'after')}，上限为 ${text(v, 'limit')}。没有记账，也没有发布。`, hint: '请保留现有模型，或在了解代价后提高上限。' }),
  'budget/exhausted-elsewhere': (v) => ({ message: `本设备上另一个数据集可能包含同一批人：这一步会使他们在那里的 ε 达到 ${text(v, 'after')}，那里的上限为 ${text(v, 'limit')}。没有记账，也没有发布。`, hint: '请保留现有模型，或在了解代价后提高那里的上限；如果这批病历是另一批人，请声明：只有双方没有相同的病历和人时才成立。' }),
  'budget/no-allowance': said('这批病历来自一个没有带来隐私预算的项目文件，因此不能在这里私密训练。没有记账，也没有发布。', '请在文件来源处训练，或在那里再次保存并带上一份预算。'),
  'budget/allowance-exhausted': (v) => ({ message: `这批病历带来的隐私预算为 ε ${text(v, 'allowance')}，这一步会使其中已用部分达到 ${text(v, 'after')}。没有记账，也没有发布。`, hint: '请保留现有模型，选择更小的 ε，或在来源处再次保存文件并带上更多预算。' }),
  'storage/ledger-unreadable': said('暂时无法读取隐私账本，因此没有记账，也没有发布。', '请稍后再试：其中的内容多半没有受损。'),
  'budget/ledger-broken': said('隐私账本已损坏或不完整，因此全部视为已用。没有记账，也没有发布。', '请从备份恢复，或在了解后果后到设置中清除账本。'),

  'training/too-large': (v) => ({ message: `此计划约需 ${text(v, 'needed')} GB 内存，这里大约只能用 ${text(v, 'available')} GB。`, hint: '请只用一部分病历训练：拆分文件，打开其中一部分。' }),
  'training/stopped-early': said('运行在读取病历时被停止。其间没有训练任何内容，也没有记账。', '需要时再开始即可。'),
  'training/one-class': said('训练至少需要两个标签。', '请选择另一列作为标签。'),
  'training/no-rows': said('留出一部分之后，没有剩下可训练的行。', '请增加行数，或降低留出比例。'),
  'training/sentences': said('标签描述的数量与标签不符。', '请为每个标签写一句描述；直接用标签名也可以。'),
  'training/no-trainer': said('没有可用的计算线程。', '请在设置中运行设备自检。'),
  'training/no-ledger': said('私密运行需要账本和新的密钥。', '请重新加载页面。'),
  'training/wrong-checkpoint': said('此存档属于另一次运行。', '请开始新的运行。'),
  'training/not-running': said('这次运行没有在进行。', '请到运行记录页查看它如何结束。'),
  'training/not-interrupted': said('这次运行没有被打断，无需恢复。', '请开始新的运行。'),
  'training/data-changed': said('运行开始之后，病历或列的设置有了变动，无法继续。', '请恢复原来的列设置，或开始新的运行。'),
  'training/no-persons': said('此计划以患者为保护单位，但没有哪一列说明哪些病历属于同一位患者。', '请指定患者列，或选择以每份病历为单位。'),
  'training/sum-check': said('计算线程返回的和不合要求。该步已记账，没有发布任何内容。', '请重新开始运行；若再次发生，请在设置中更换计算方式。'),
  'training/clip-check': said('计算设备没有正确裁剪过大的梯度。训练没有开始。', '请在设置中选择另一种计算方式。'),
  'training/diverged': said('训练发散：梯度不再是有限的数。', '请选择更小的学习率后重新开始。'),

  'training/loose-delta': (v) => ({ message: `δ 必须小于 1/${text(v, 'units')}，即所记账的较大部分中病历或人数的倒数，实际为 ${text(v, 'found')}：再大，把其中一份完整公开也符合承诺。没有记账。`, hint: '请选择小得多的 δ。' }),
  'privacy/noise-law': (v) => ({ message: `噪声的分布必须是 rounded-gaussian 或 discrete-gaussian，实际为 ${text(v, 'found')}。没有抽取噪声，也没有记账。`, hint: '请写明二者之一。若文件写的是别的分布，它由较新版本的 Bedside 制作，或已损坏。' }),
  'privacy/noise-multiplier': said('噪声倍数必须为 0 或更大。', '请更改噪声设置。'),
  'privacy/delta': said('δ 必须在 0 与 1 之间。', '请使用 0.00001，或小于单位数的倒数。'),
  'privacy/mu': said('μ 必须为 0 或更大。', '请更改隐私设置。'),
  'privacy/order': said('Rényi 阶必须是大于 1 的有限数。', '请使用默认的阶。'),
  'privacy/repeat-law': (v) => ({ message: `“${text(v, 'name')}”不在允许的范围内，实际为 ${text(v, 'found')}。`, hint: '请更改重复运行的设置。' }),
  'privacy/adjacency': said('此隐私核算不支持这种邻接关系。', '请使用其他核算方法或邻接关系。'),
  'privacy/unit': (v) => ({ message: `联合训练保护的是一条记录、一个人或一个参与者，实际为 ${text(v, 'found')}。`, hint: '请写明三者之一。' }),
  'privacy/sigma': said('噪声超出网格能表示的范围。', '请使用更大的 ε。'),
  'privacy/grid': said('裁剪范数超出网格能表示的范围。', '请选择 0.001 到 10 之间的裁剪范数。'),
  'privacy/count-noise': (v) => ({ message: `计数的噪声必须大于噪声倍数 ${text(v, 'noiseMultiplier')} 的一半，实际为 ${text(v, 'countNoise')}。`, hint: '请加大计数的噪声：通常取期望批量的二十分之一。' }),
  'privacy/unclipped-share': (v) => ({ message: `未被裁剪的带噪比例必须是有限的数，实际为 ${text(v, 'found')}。`, hint: '请用带噪的计数除以期望批量。' }),
  'privacy/rdp': said('隐私核算得到了不可能的值。', report),
  'privacy/reused-stream': said('同一段秘密随机数被要求使用两次，运行就此结束。', '用过两次的噪声没有保护作用。请重新开始。'),
  'privacy/dead-stream': said('秘密随机数的来源不正常。', '请重启浏览器；若再次发生，本设备不能私密训练。'),
  'privacy/random-words': said('离散高斯噪声用尽了事先取好的随机数。', '请重新开始运行；若再次发生，随机数的来源已损坏。'),
  'audit/no-scores': said('没有可用于检验的分数，至少需要一个。', '请同时提供训练过的和未训练过的样本。'),
  'audit/score': (v) => ({ message: `第 ${text(v, 'index')} 个分数不是数值。`, hint: '请去掉模型无法评分的样本。' }),
  'audit/lengths': (v) => ({ message: `两份列表的长度应相同，实际为 ${text(v, 'first')} 和 ${text(v, 'second')}。`, hint: '请为每个样本各给一个值。' }),

  'fairness/score': (v) => ({ message: `第 ${text(v, 'row')} 行没有分数。`, hint: '请去掉模型无法评分的行。' }),
  'fairness/one-class-group': (v) => ({ message: `${text(v, 'groups')} 组中的第 ${text(v, 'group')} 组有 ${text(v, 'rows')} 行，全部属于同一类，其比率没有定义。`, hint: '请与其他组合并，或不计入。' }),
  'metrics/tag': (v) => ({ message: `第 ${text(v, 'word')} 个词没有标签。`, hint: '请给每个词一个标签，实体之外用“O”。' }),
  'metrics/tag-scheme': (v) => ({ message: `第 ${text(v, 'word')} 个词的标签不属于 ${text(v, 'scheme')}。`, hint: '请检查标注方式，或改用宽松读法。' }),
  'metrics/sentences': (v) => ({ message: `应有 ${text(v, 'expected')} 个句子的预测，实际为 ${text(v, 'found')} 个。`, hint: '请对每个句子预测一次。' }),
  'metrics/words': (v) => ({ message: `第 ${text(v, 'sentence')} 句有 ${text(v, 'expected')} 个词，预测却有 ${text(v, 'found')} 个。`, hint: '请给每个词预测一个标签。' }),

  'energy/battery-window': (v) => ({ message: `电池电量只下降了 ${text(v, 'steps')} 格，至少需要 ${text(v, 'fewestSteps')} 格。`, hint: '请拔掉充电器，测量更长时间。' }),
  'energy/battery-no-difference': said('训练时的电池消耗并不高于空闲时。', '请关闭其他程序，保持屏幕不变，然后重新测量。'),
  'energy/unknown-class': said('列表中没有这种机器。', '请从列表中选择，或选“不清楚”。'),
  'energy/watts': (v) => ({ message: `瓦数必须大于 0，最多 ${text(v, 'most')}。`, hint: '请在设备训练时读取功率计，再减去空闲时的读数。' }),
  'energy/unknown-country': said('没有此国家代码的碳强度数据。', '请从列表中选择国家，或使用世界平均值。'),

  'model/exported-folder': said('此模型文件夹不完整或不是 Bedside 导出的。', '请使用由 Bedside 保存的文件夹。'),
  'input/project-file-newer': (v) => ({ message: `这个项目文件的版本为 ${text(v, 'version')}，比这份 Bedside 能读的更新。没有导入任何内容。`, hint: '请用保存它的版本或更新的 Bedside 打开。' }),
  'input/project-file': said('这不是 Bedside 的项目文件，或已损坏。', '请选择在项目菜单中用“存为文件”保存的文件。'),
  'input/ledger-conflict': said('项目文件中的账本记录与这里的不符。没有导入任何内容。', '请使用未被改动的项目文件。'),
  'internal/unexpected': said('发生了不该发生的错误。', reload),
  'internal/invariant': said('内部检查未通过。', reload),
  'internal/not-open': said('后台在打开之前就被使用。', reload),
  'internal/ledger-event': said('账本事件格式不对。没有写入任何内容。', report),
  'internal/fft-length': (v) => ({ message: `变换的长度应为 8、16、32 等，实际为 ${text(v, 'found')}。`, hint: report }),
  'internal/already-charged': said('此次记账已在账本中：一次记账只对应一次发布。', report),
  'internal/hex': said('保存的内容已损坏。', '请从备份恢复。'),
  'internal/utf8': said('内容不是 UTF-8。', '请将文件另存为 UTF-8。'),

  'federation/malformed': (v) => ({ message: `联合训练服务器发来的内容不符合约定（字节 ${text(v, 'position')}）。`, hint: '请告知联合训练的主持者；您的内容没有被发送。' }),
  'federation/too-large': (v) => ({ message: `联合训练服务器发来的内容过大：最多 ${text(v, 'limit')}，收到 ${text(v, 'found')}。`, hint: '请告知联合训练的主持者；您的内容没有被发送。' }),
  'federation/unreachable': said('联合训练的服务器没有应答。', '无需操作：本设备会自动重试。若持续如此，请检查网络。'),
  'federation/busy': said('联合训练的服务器正忙。', '无需操作：本设备会自动重试。'),
  'federation/refused': (v) => ({ message: `联合训练的服务器拒绝了请求（状态 ${text(v, 'status')}，代码 ${text(v, 'serverCode')}）。`, hint: '请询问主持者本设备是否仍可参加。' }),
  'federation/not-authorised': said('联合训练的服务器不接受本设备的签名。', '请检查本设备的日期和时间；否则请退出，并用新的邀请重新加入。'),
  'federation/content-type': said('应答的不是联合训练的服务器，可能是此网络的登录页面。', '请先登录网络，本设备会自动重试。'),
  'federation/task': (v) => ({ message: `任务文件中的 ${text(v, 'field')} 不正确。`, hint: '请向主持者索取正确的任务文件；没有加入任何联合训练。' }),
  'federation/beyond-agreement': (v) => ({ message: `服务器要求的${part(v, 'term')}是 ${amount(v, 'asked')}，而约定的是 ${amount(v, 'agreed')}。这一轮已被拒绝。`, hint: '没有发送任何内容。若您不认可，请退出联合训练。' }),
  'federation/repeated-round': (v) => ({ message: `服务器再次要求第 ${text(v, 'round')} 轮。这一轮已被拒绝。`, hint: '没有发送任何内容。若再次发生，请退出联合训练。' }),
  'federation/over-budget': (v) => ({ message: `再参加一轮，共享的 ε 将达到 ${roundUpTo(Number(v['epsilon'] ?? 0), 3)}，而约定的上限是 ${text(v, 'limit')}。本设备不再参加后续各轮。`, hint: '无需操作；您可以退出联合训练。' }),
  'federation/expired': (v) => ({ message: `本设备还没来得及应答，第 ${text(v, 'round')} 轮就结束了。`, hint: '无需操作：下一轮会自动开始。' }),
  'federation/interrupted-round': (v) => ({ message: `第 ${text(v, 'round')} 轮在记账之后被中断；不会重复训练。`, hint: '一轮进行时请保持页面打开。' }),
  'federation/unfit-update': said('更新不符合约定的形式，没有发送。', reload),
  'federation/training-failed': (v) => ({ message: `第 ${text(v, 'round')} 轮的训练失败。`, hint: '联合训练会在没有这一轮更新的情况下继续。' }),
  'federation/left': said('本设备已退出联合训练，密钥已销毁。', '如需参加，请用新的邀请重新加入。'),
  'federation/other-agreement': said('本设备正按另一份约定参加联合训练。', '请先退出那个联合训练，再加入这一个。'),
  'federation/another-tab': said('Bedside 的另一个标签页正在代表本设备参加联合训练。', '请在那个标签页中继续，或关闭它后重试。'),
  'federation/none-here': said('本页面所在的服务器没有运行联合训练。', '请打开主持者给您的链接。'),
  'federation/turned-away': (v) => ({ message: `联合训练的服务器拒绝了本设备：${turnedAwayBecause[text(v, 'reason')] ?? '没有给出本版本认识的理由'}。`, hint: '请向主持者索取新的邀请。' }),
  'federation/no-model': said('联合训练尚未发布任何模型。', '请等有一轮计入之后再试。'),
  'federation/bad-model': (v) => ({ message: `返回的模型未被接受：${releaseParts[text(v, 'what')] ?? '内容'}不符。模型已丢弃。`, hint: '请稍后再试；若再次发生，请告知联合训练的主持者。' }),
  'federation/no-release-key': said('此联合训练没有说明用哪个密钥为模型签名，无法核对任何模型，因此没有取回模型。', '请主持者用新版本的 Bedside 启动联合训练。'),
  'federation/other-notes': () => ({ message: '本设备曾用其他病历参与过这个联合训练的若干轮，之后的轮次会被拒绝。没有发送任何内容。', hint: '请用之前的病历参与。' }),
  'federation/other-labels': (v) => ({ message: `这些病历的 ${text(v, 'all')} 个标签中有 ${text(v, 'unknown')} 个不在联合训练的任务中。没有发送任何内容。`, hint: '请选择任务所列标签所在的列，或选择其他病历。' }),
  'federation/other-unit': (v) => ({ message: `联合训练以${protectedUnits[text(v, 'expected')] ?? ''}为保护单位，而这些病历以${protectedUnits[text(v, 'found')] ?? ''}为单位。没有发送任何内容。`, hint: '请在“数据”页重新选择各列：由患者列决定。' }),
  'federation/loose-delta': (v) => ({ message: `联合训练的 δ（${text(v, 'delta')}）对 ${text(v, 'units')} ${text(v, 'unit') === 'note' ? '份病历' : '位患者'}来说太大：达到 1/${text(v, 'units')} 时，把其中一${text(v, 'unit') === 'note' ? '份' : '位'}完整公开也不算违背承诺。没有发送任何内容。`, hint: '请联合训练的主持者提供 δ 更小的任务。' }),
  'federation/other-base-model': (v) => ({ message: `联合训练使用的基础模型（${text(v, 'expected')}）与本设备的（${text(v, 'found')}）不同。没有发送任何内容。`, hint: '请从联合训练自己的地址打开 Bedside。' }),
  'federation/no-columns': said('此项目的列尚未确认。', '请在“数据”页选择文本列和标签列。'),
  'federation/no-head': said('此版本的 Bedside 不认识联合训练要训练的内容。', '请载入最新版本的 Bedside，或询问联合训练的主持者。'),
  'federation/task-changed': said('您查看之后，联合训练的任务已改变。没有加入任何联合训练。', '请重新载入页面并阅读新的任务。'),
  'federation/already-member': said('本设备已在参加一个联合训练。', '请先退出那个联合训练。'),
  'federation/no-member': said('本设备没有参加任何联合训练。', '请先通过链接加入。'),
  'federation/round-waits': said('联合训练的一轮正在等待当前的训练或攻击测试结束。', '无需操作；若不想错过这一轮，请暂停或停止当前的训练。'),
  'federation/project-takes-part': said('此项目正在参加联合训练。没有删除任何内容。', '请先退出联合训练。'),
  'federation/no-sample': said('此联合训练不分发病历。', '请选择您自己的病历。'),
  'federation/no-seat-link': said('此链接用于投影：它不给任何人席位。', '请打开投影上显示的链接，或扫描其二维码。'),
  'training/federated-late': (v) => ({ message: `本设备还没来得及训练，联合训练的第 ${text(v, 'round')} 轮就结束了。没有记账，也没有发送任何内容。`, hint: '无需操作：下一轮会自动开始。' }),
  'training/federated-task': (v) => ({ message: `联合训练的任务不适合本设备：${part(v, 'what')}不符。没有记账，也没有发送任何内容。`, hint: '请询问主持者该任务适用于哪个模型和哪些病历。' }),
  'training/federated-terms': (v) => ({ message: `联合训练的一轮要求的${part(v, 'term')}是 ${amount(v, 'asked')}，而约定的是 ${amount(v, 'agreed')}。没有记账，也没有发送任何内容。`, hint: '若您不认可，请退出联合训练。' }),
  'training/federated-repeated': (v) => ({ message: `联合训练的第 ${text(v, 'round')} 轮已经记过账，不会重复训练。这次没有记账，也没有发送任何内容。`, hint: '无需操作：下一轮会自动开始。' }),
  'training/federated-budget': (v) => ({ message: `这些病历剩余的隐私预算不足以参加联合训练的第 ${text(v, 'round')} 轮，本设备已拒绝这一轮。没有记账，也没有发送任何内容。`, hint: '请退出联合训练，或在了解后果的前提下提高上限。' }),
  'training/federated-cancelled': said('联合训练已取消，不再发送任何内容。', '需要时可重新加入。'),
};
