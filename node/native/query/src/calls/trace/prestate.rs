//! geth's prestate tracer: the accounts and slots that a transaction needs, as they were before it; in diff mode what
//! it changed, before and after.
//!
//! While the EVM runs only names are noted. The values are read when it is done: before from the state that the
//! transaction ran on, after from the changes that it made.

use crate::calls::error::{CallError, SourceError};
use crate::calls::run::Environment;
use crate::json;
use alloy_primitives::map::HashSet;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use revm::DatabaseRef;
use revm::bytecode::opcode;
use revm::context::TxEnv;
use revm::context_interface::result::ResultAndState;
use revm::context_interface::{ContextTr, JournalTr, Transaction, transaction::AuthorizationTr};
use revm::inspector::Inspector;
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::interpreter_types::{InputsTr, Jumps};
use revm::interpreter::{CreateInputs, CreateOutcome, Interpreter};
use revm::primitives::hardfork::SpecId;
use revm::state::{AccountInfo, EvmState};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

use super::struct_log::is_refusal;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PrestateOptions {
    pub diff_mode: bool,
    pub disable_code: bool,
    pub disable_storage: bool,
    pub include_empty: bool,
}

#[derive(Debug)]
pub struct PrestateTracer {
    options: PrestateOptions,
    seen: Seen,
    /// What the opcode that runs touches, if it gets that far.
    pending: Option<Touch>,
}

/// Names that came up.
#[derive(Debug, Default)]
struct Seen {
    accounts: BTreeSet<Address>,
    slots: BTreeMap<Address, BTreeSet<U256>>,
    /// Called by code: where they delegate, the delegate counts too.
    called: BTreeSet<Address>,
    created: HashSet<Address>,
    destroyed: HashSet<Address>,
}

#[derive(Debug)]
enum Touch {
    Slot(Address, U256),
    Account(Address),
    Call(Address),
    Destruction { contract: Address, heir: Address },
}

/// An account as the trace tells it. What is absent is not told.
#[derive(Debug, Default)]
struct Told {
    balance: Option<U256>,
    nonce: u64,
    code: Option<Bytes>,
    code_hash: Option<B256>,
    storage: BTreeMap<U256, U256>,
}

impl PrestateTracer {
    pub fn new(options: PrestateOptions) -> Result<Self, CallError> {
        if options.diff_mode && options.include_empty {
            return Err(CallError::Refused("cannot use diffMode with includeEmpty".to_owned()));
        }
        Ok(Self { options, seen: Seen::default(), pending: None })
    }

    /// Write what the transaction that just ran on `before` needed, and be ready for the next one.
    pub fn finish<D: DatabaseRef<Error = SourceError>>(
        &mut self,
        tx: &TxEnv,
        environment: &Environment,
        done: &ResultAndState,
        before: &D,
        out: &mut Vec<u8>,
    ) -> Result<(), CallError> {
        let seen = std::mem::take(&mut self.seen);
        let reader = Reader { options: &self.options, before, after: &done.state, spec: environment.cfg.spec };
        let accounts = reader.accounts(&seen, tx, environment)?;
        if self.options.diff_mode {
            reader.write_diff(&seen, accounts, out)
        } else {
            reader.write_before(&seen, accounts, out)
        }
    }
}

struct Reader<'a, D> {
    options: &'a PrestateOptions,
    before: &'a D,
    after: &'a EvmState,
    spec: SpecId,
}

impl<D: DatabaseRef<Error = SourceError>> Reader<'_, D> {
    /// Every account that counts: those of the transaction itself, those that it paid, those that code named, and
    /// delegates.
    fn accounts(&self, seen: &Seen, tx: &TxEnv, environment: &Environment) -> Result<BTreeSet<Address>, CallError> {
        let mut accounts = seen.accounts.clone();
        accounts.extend([tx.caller, environment.block.beneficiary]);
        accounts.extend(environment.vaults().filter(|vault| self.after.contains_key(vault)));
        accounts.extend(tx.authorization_list().filter_map(|authorization| authorization.authority()));
        if let Some(to) = tx.kind.to() {
            accounts.insert(*to);
            accounts.extend(self.delegate_before(*to)?);
        }
        for called in &seen.called {
            let delegate = match self.after.get(called) {
                Some(account) => account.info.code.as_ref().and_then(|code| code.eip7702_address()),
                None => self.delegate_before(*called)?,
            };
            accounts.extend(delegate.filter(|_| self.spec.is_enabled_in(SpecId::PRAGUE)));
        }
        Ok(accounts)
    }

    fn delegate_before(&self, address: Address) -> Result<Option<Address>, CallError> {
        let account = self.before.basic_ref(address)?.filter(|_| self.spec.is_enabled_in(SpecId::PRAGUE));
        let Some(account) = account.filter(|account| !account.is_empty_code_hash()) else { return Ok(None) };
        Ok(self.code(&account)?.and_then(|code| revm::bytecode::Bytecode::new_raw(code).eip7702_address()))
    }

    fn code(&self, account: &AccountInfo) -> Result<Option<Bytes>, CallError> {
        if account.is_empty_code_hash() {
            return Ok(None);
        }
        let code = match &account.code {
            Some(code) => code.original_bytes(),
            None => self.before.code_by_hash_ref(account.code_hash)?.original_bytes(),
        };
        Ok(Some(code).filter(|code| !code.is_empty()))
    }

    /// The account before the transaction, and whether it was empty.
    fn told_before(&self, seen: &Seen, address: Address) -> Result<(Told, bool), CallError> {
        let account = self.before.basic_ref(address)?.unwrap_or_default();
        let code = self.code(&account)?;
        let is_empty = account.nonce == 0 && account.balance.is_zero() && code.is_none();
        let mut told = Told {
            balance: Some(account.balance),
            nonce: account.nonce,
            code_hash: Some(account.code_hash).filter(|_| !account.is_empty_code_hash()),
            code: code.filter(|_| !self.options.disable_code),
            storage: BTreeMap::new(),
        };
        if !self.options.disable_storage {
            for slot in seen.slots.get(&address).into_iter().flatten() {
                told.storage.insert(*slot, self.before.storage_ref(address, *slot)?);
            }
        }
        Ok((told, is_empty))
    }

    fn write_before(&self, seen: &Seen, accounts: BTreeSet<Address>, out: &mut Vec<u8>) -> Result<(), CallError> {
        let mut told = Vec::with_capacity(accounts.len());
        for address in accounts {
            let (account, is_empty) = self.told_before(seen, address)?;
            if !is_empty || self.options.include_empty {
                told.push((address, account));
            }
        }
        write_accounts(&told, out);
        Ok(())
    }

    fn write_diff(&self, seen: &Seen, accounts: BTreeSet<Address>, out: &mut Vec<u8>) -> Result<(), CallError> {
        let (mut pre, mut post) = (Vec::new(), Vec::new());
        for address in accounts {
            let (mut account, was_empty) = self.told_before(seen, address)?;
            if !seen.destroyed.contains(&address) {
                let Some(after) = self.told_after(address, &mut account)? else { continue };
                post.push((address, after));
            }
            if !was_empty {
                pre.push((address, account));
            }
        }
        let mut object = json::Object::open(out);
        write_accounts(&post, object.key("post"));
        write_accounts(&pre, object.key("pre"));
        object.close();
        Ok(())
    }

    /// What changed; slots that did not, and slots that were zero, leave `before`. `None`: nothing changed.
    fn told_after(&self, address: Address, before: &mut Told) -> Result<Option<Told>, CallError> {
        let Some(account) = self.after.get(&address).filter(|account| account.is_touched()) else { return Ok(None) };
        let info = &account.info;
        let hash = Some(info.code_hash).filter(|_| !info.is_empty_code_hash());
        let mut after = Told {
            balance: Some(info.balance).filter(|balance| before.balance != Some(*balance)),
            nonce: if info.nonce == before.nonce { 0 } else { info.nonce },
            ..Told::default()
        };
        let mut is_modified = after.balance.is_some() || info.nonce != before.nonce;
        if hash != before.code_hash {
            is_modified = true;
            after.code_hash = Some(hash.unwrap_or(KECCAK256_EMPTY));
            after.code = if self.options.disable_code { None } else { Some(self.code(info)?.unwrap_or_default()) };
        }
        for (slot, old) in std::mem::take(&mut before.storage) {
            let new = account.storage.get(&slot).map_or(old, |slot| slot.present_value);
            if new == old {
                continue;
            }
            is_modified = true;
            if !old.is_zero() {
                before.storage.insert(slot, old);
            }
            if !new.is_zero() {
                after.storage.insert(slot, new);
            }
        }
        Ok(is_modified.then_some(after))
    }
}

fn write_accounts(accounts: &[(Address, Told)], out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (address, account)) in accounts.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        json::data(out, address.as_slice());
        out.push(b':');
        account.write(out);
    }
    out.push(b'}');
}

impl Told {
    fn write(&self, out: &mut Vec<u8>) {
        let mut object = json::Object::open(out);
        if let Some(balance) = &self.balance {
            object.quantity_256("balance", balance);
        }
        if let Some(code) = &self.code {
            object.data("code", code);
        }
        if let Some(hash) = &self.code_hash {
            object.data("codeHash", hash.as_slice());
        }
        if self.nonce != 0 {
            object.raw("nonce", self.nonce.to_string().as_bytes());
        }
        if !self.storage.is_empty() {
            write_slots(&self.storage, object.key("storage"));
        }
        object.close();
    }
}

fn write_slots(slots: &BTreeMap<U256, U256>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (slot, value)) in slots.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        json::data(out, &slot.to_be_bytes::<32>());
        out.push(b':');
        json::data(out, &value.to_be_bytes::<32>());
    }
    out.push(b'}');
}

impl Seen {
    fn take(&mut self, touch: Touch, spec: SpecId) {
        match touch {
            Touch::Slot(contract, slot) => {
                self.slots.entry(contract).or_default().insert(slot);
            }
            Touch::Account(address) => {
                self.accounts.insert(address);
            }
            Touch::Call(address) => {
                self.accounts.insert(address);
                self.called.insert(address);
            }
            Touch::Destruction { contract, heir } => {
                self.accounts.insert(heir);
                // EIP-6780: only what the same transaction created is destroyed.
                if !spec.is_enabled_in(SpecId::CANCUN) || self.created.contains(&contract) {
                    self.destroyed.insert(contract);
                }
            }
        }
    }
}

fn touch_of(interp: &Interpreter<EthInterpreter>) -> Option<Touch> {
    let stack = interp.stack.data();
    let contract = interp.input.target_address();
    let word = |depth: usize| stack.len().checked_sub(depth + 1).map(|index| stack[index]);
    let address = |depth: usize| word(depth).map(|word| Address::from_word(word.into()));
    match interp.bytecode.opcode() {
        opcode::SLOAD | opcode::SSTORE => Some(Touch::Slot(contract, word(0)?)),
        opcode::EXTCODECOPY | opcode::EXTCODEHASH | opcode::EXTCODESIZE | opcode::BALANCE => {
            Some(Touch::Account(address(0)?))
        }
        opcode::SELFDESTRUCT => Some(Touch::Destruction { contract, heir: address(0)? }),
        opcode::CALL | opcode::CALLCODE | opcode::DELEGATECALL | opcode::STATICCALL if stack.len() >= 5 => {
            Some(Touch::Call(address(1)?))
        }
        _ => None,
    }
}

impl<CTX: ContextTr> Inspector<CTX, EthInterpreter> for PrestateTracer {
    fn step(&mut self, interp: &mut Interpreter<EthInterpreter>, _context: &mut CTX) {
        self.pending = touch_of(interp);
    }

    fn step_end(&mut self, interp: &mut Interpreter<EthInterpreter>, _context: &mut CTX) {
        if let Some(touch) = self.pending.take()
            && !is_refusal(interp)
        {
            let spec = interp.runtime_flag.spec_id;
            self.seen.take(touch, spec);
        }
    }

    fn create(&mut self, context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        if let Ok(caller) = context.journal_mut().load_account(inputs.caller()) {
            let nonce = caller.data.info.nonce;
            let address = inputs.created_address(nonce);
            self.seen.accounts.insert(address);
            self.seen.created.insert(address);
        }
        None
    }
}
