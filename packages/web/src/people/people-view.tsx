// Who may do what: one's own account, the people, API tokens, and what was done. What only administrators may see is there for them alone.
import type { Permission } from '@ruth/protocol';
import { Waiting } from '../shell/states.tsx';
import { useSession } from '../session.ts';
import { addressOf, type PeoplePageName } from '../view-address.ts';
import { AuditPage } from './audit-page.tsx';
import { OwnAccount } from './own-account.tsx';
import { TokensPage } from './tokens-page.tsx';
import { UsersPage } from './users-page.tsx';
import '../styles/tables.css';
import '../styles/forms.css';

const PAGES: readonly { readonly name: PeoplePageName; readonly words: string; readonly needs: Permission }[] = [
  { name: 'account', words: 'My account', needs: 'view' }, { name: 'people', words: 'People', needs: 'administer' }, { name: 'tokens', words: 'API tokens', needs: 'view' }, { name: 'audit', words: 'Audit log', needs: 'administer' },
];

export function PeopleView({ page, cameraIds }: { page: PeoplePageName; cameraIds: readonly string[] }) {
  const session = useSession();
  if (session === null) return <Waiting words="Loading" />;
  const allowed = PAGES.filter(({ needs }) => session.permissions.includes(needs));
  const shown = allowed.find(({ name }) => name === page)?.name ?? 'account';
  return (
    <main className="page-view">
      <div className="view-head">
        <h2 className="view-title">People</h2>
        <nav className="tabs" aria-label="Of people">{allowed.map(({ name, words }) => <a key={name} href={addressOf({ name: 'people', page: name })} aria-current={shown === name ? 'page' : undefined}>{words}</a>)}</nav>
      </div>
      {shown === 'account' && <OwnAccount session={session} />}
      {shown === 'people' && <UsersPage own={session.name} cameraIds={cameraIds} />}
      {shown === 'tokens' && <TokensPage session={session} cameraIds={cameraIds} />}
      {shown === 'audit' && <AuditPage cameraIds={cameraIds} />}
    </main>
  );
}
