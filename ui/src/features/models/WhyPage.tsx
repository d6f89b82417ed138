import { usePoll } from '../../api/poll';
import type { Lineage } from '../../api/types';
import { Loaded, Page } from '../../components/Page';
import { Chain } from './Chain';

export default function WhyPage({ params }: { params: Record<string, string> }) {
  const id = `${params.model}/${params.version}`;
  const lineage = usePoll<Lineage>(`/api/v1/why?id=${encodeURIComponent(id)}`, 5000);
  const model = `/models/${encodeURIComponent(params.model ?? '')}`;
  const crumbs = [
    { href: '/models', title: 'Models' },
    { href: model, title: params.model ?? '' },
    { href: `${model}/${encodeURIComponent(params.version ?? '')}`, title: `v${params.version}` },
  ];
  return (
    <Page title={`Why ${params.model} v${params.version}?`} crumbs={crumbs} lead="From the answers that users get, back to the files that the model learned from.">
      <Loaded from={lineage}>{(lineage) => <Chain lineage={lineage} />}</Loaded>
    </Page>
  );
}
