import { usePoll } from '../../api/poll';
import type { Lineage } from '../../api/types';
import { Link } from '../../app/router';
import { Loaded, Page } from '../../components/Page';
import { Chain } from './Chain';

export default function WhyPage({ params }: { params: Record<string, string> }) {
  const id = `${params.model}/${params.version}`;
  const lineage = usePoll<Lineage>(`/api/v1/why?id=${encodeURIComponent(id)}`, 5000);
  return (
    <Page title={`Why ${params.model} v${params.version}?`} lead="From the answers that users get, back to the files that the model learned from.">
      <Loaded from={lineage}>{(lineage) => <Chain lineage={lineage} />}</Loaded>
      <p>
        <Link href="/models">All models</Link>
      </p>
    </Page>
  );
}
