import type { Words } from '../en.ts';
import { errors } from './errors.ts';
import { format as f } from './locale.ts';

type Values = Readonly<Record<string, number | string>>;
const number = (values: Values, name: string): number => Number(values[name] ?? 0);

export const codes: Words['codes'] = {
  errors,
  rowProblems: {
    'column-count': (v) => ({ problem: `有 ${f.count(number(v, 'found'))} 列，表头为 ${f.count(number(v, 'expected'))} 列`, fix: number(v, 'found') > number(v, 'expected') ? '检查是否有未加引号的分隔符。' : '检查是否缺少分隔符。' }),
    'unclosed-quote': (v) => ({ problem: '引号未闭合', fix: number(v, 'lastRow') > 0 ? `补上右引号；直到第 ${f.count(number(v, 'lastRow'))} 行都被包含其中。` : '补上右引号。' }),
    'invalid-json': () => ({ problem: '不是 JSON 对象', fix: '每行写一个 JSON 对象。' }),
    'empty-text': () => ({ problem: '没有正文', fix: '补上正文，或不使用此行。' }),
    'missing-label': () => ({ problem: '没有标签', fix: '补上标签，或不使用此行。' }),
    duplicate: (v) => ({ problem: number(v, 'firstRow') > 0 ? `与第 ${f.count(number(v, 'firstRow'))} 行正文相同` : '与前面某行正文相同', fix: '无需处理，只保留一份。' }),
    undecodable: () => ({ problem: '含有该编码不认识的字节', fix: '将文件另存为 UTF-8。' }),
  },
  columnReasons: {
    'longest-text': () => '文本最长',
    'text-name': () => '表头写明是正文',
    'label-name': (_, distinct) => `表头写明是标签${distinct > 0 ? `，${f.count(distinct)} 个不同的取值` : ''}`,
    'few-values': (_, distinct) => `${f.count(distinct)} 个不同的取值`,
    'many-rows-per-value': (_, distinct) => `${f.count(distinct)} 个不同的取值，每个有多行`,
    'group-name': (_, distinct) => `名称像分组，${f.count(distinct)} 个取值；仅用于公平性`,
    number: () => '数字',
    date: () => '日期',
    other: () => '看不出用途',
  },
  encodings: { 'utf-8': 'UTF-8', 'utf-16le': 'UTF-16（LE）', 'utf-16be': 'UTF-16（BE）', gb18030: 'GB18030（国标码，含 GBK）', 'windows-1252': 'Windows-1252' },
  devices: {
    'WebAssembly, relaxed SIMD': 'WebAssembly（宽松 SIMD）',
    'WebAssembly, SIMD': 'WebAssembly（标准 SIMD）',
    TypeScript: '普通算术',
  },
  withWorkers: (device, workers) => `${device}，${f.count(workers)} 个计算线程`,
  deviceReasons: {
    'webgpu-passed': '图形芯片通过了自检。',
    'no-webgpu': '此浏览器不提供图形芯片计算，因此使用处理器。',
    'webgpu-mismatch': '图形芯片与普通算术不一致，因此使用处理器。',
    'software-adapter': '这里的图形芯片只是软件模拟，因此使用处理器。',
    'webgpu-failed': '图形芯片无法使用，因此使用处理器。',
    chosen: '由您选择。',
    'device-lost': '图形芯片无响应，因此使用处理器。',
  },
  operations: {
    embed: '词嵌入',
    linear: 'int8 矩阵乘',
    linearBackward: 'int8 矩阵乘，反向',
    attention: '注意力',
    attentionBackward: '注意力，反向',
    layerNorm: '层归一化',
    layerNormBackward: '层归一化，反向',
    gelu: 'GELU',
    geluBackward: 'GELU，反向',
    addLora: '适配器',
    loraBackward: '适配器，反向',
    meanPool: '词片平均',
    meanPoolBackward: '词片平均，反向',
    headLogits: '最后一层',
    headBackward: '最后一层，反向',
    upload: '与设备之间的复制',
    zeros: '清零内存',
    bertGradient: '整个小模型的梯度',
  },
};
