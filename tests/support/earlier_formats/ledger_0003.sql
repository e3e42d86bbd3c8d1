CREATE TABLE database_info (
	"key" VARCHAR(64) NOT NULL,
	value TEXT NOT NULL,
	CONSTRAINT pk_database_info PRIMARY KEY ("key")
);

CREATE TABLE users (
	user VARCHAR(64) NOT NULL,
	role VARCHAR(8) NOT NULL,
	trading_state VARCHAR(8) DEFAULT 'ACTIVE' NOT NULL,
	state_reason TEXT DEFAULT '' NOT NULL,
	capital BIGINT NOT NULL,
	created_at VARCHAR(32) NOT NULL,
	state_until DATE,
	CONSTRAINT pk_users PRIMARY KEY (user),
	CONSTRAINT ck_users_role CHECK (role IN ('admin', 'user')),
	CONSTRAINT ck_users_trading_state CHECK (trading_state IN ('ACTIVE', 'REDUCING', 'HALTED'))
);

CREATE TABLE journal (
	seq INTEGER NOT NULL,
	at VARCHAR(32) NOT NULL,
	actor VARCHAR(128) NOT NULL,
	user VARCHAR(64) NOT NULL,
	record VARCHAR(32) NOT NULL,
	row_key VARCHAR(160) NOT NULL,
	change VARCHAR(8) NOT NULL,
	content TEXT NOT NULL,
	hash VARCHAR(64) NOT NULL,
	CONSTRAINT pk_journal PRIMARY KEY (seq)
);

CREATE TABLE journal_pending (
	id INTEGER NOT NULL,
	user VARCHAR(64) NOT NULL,
	record VARCHAR(32) NOT NULL,
	row_key VARCHAR(160) NOT NULL,
	change VARCHAR(8) NOT NULL,
	content TEXT NOT NULL,
	CONSTRAINT pk_journal_pending PRIMARY KEY (id)
);

CREATE TABLE journal_head (
	id INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	hash VARCHAR(64) NOT NULL,
	CONSTRAINT pk_journal_head PRIMARY KEY (id),
	CONSTRAINT ck_journal_head_one CHECK (id = 1)
);

CREATE TABLE user_trading_config (
	user VARCHAR(64) NOT NULL,
	"key" VARCHAR(64) NOT NULL,
	value TEXT NOT NULL,
	CONSTRAINT uq_user_trading_config_user_key UNIQUE (user, "key"),
	CONSTRAINT fk_user_trading_config_user FOREIGN KEY(user) REFERENCES users (user)
);

CREATE TABLE user_settings (
	user VARCHAR(64) NOT NULL,
	"key" VARCHAR(64) NOT NULL,
	value TEXT NOT NULL,
	secret BOOLEAN DEFAULT '0' NOT NULL,
	CONSTRAINT uq_user_settings_user_key UNIQUE (user, "key"),
	CONSTRAINT fk_user_settings_user FOREIGN KEY(user) REFERENCES users (user)
);

CREATE TABLE task_schedules (
	user VARCHAR(64) NOT NULL,
	task VARCHAR(32) NOT NULL,
	times TEXT NOT NULL,
	until VARCHAR(16) NOT NULL,
	every INTEGER,
	enabled BOOLEAN NOT NULL,
	CONSTRAINT uq_task_schedules_user_task UNIQUE (user, task),
	CONSTRAINT fk_task_schedules_user FOREIGN KEY(user) REFERENCES users (user)
);

CREATE TABLE task_executions (
	id INTEGER NOT NULL,
	user VARCHAR(64) NOT NULL,
	task VARCHAR(32) NOT NULL,
	session_date DATE NOT NULL,
	slot VARCHAR(8) NOT NULL,
	status VARCHAR(16) NOT NULL,
	attempt INTEGER NOT NULL,
	owner VARCHAR(160),
	beat_at VARCHAR(32),
	started_at VARCHAR(32) NOT NULL,
	finished_at VARCHAR(32),
	duration FLOAT,
	steps INTEGER DEFAULT '0' NOT NULL,
	"trigger" VARCHAR(16) NOT NULL,
	forced INTEGER DEFAULT '0' NOT NULL,
	result TEXT NOT NULL,
	error TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_task_executions PRIMARY KEY (id),
	CONSTRAINT uq_task_executions_user_task_session_date_slot UNIQUE (user, task, session_date, slot),
	CONSTRAINT ck_task_executions_status CHECK (status IN ('running', 'completed', 'failed', 'missed')),
	CONSTRAINT ck_task_executions_trigger CHECK (trigger IN ('cron', 'daemon', 'manual', 'simulate')),
	CONSTRAINT fk_task_executions_user FOREIGN KEY(user) REFERENCES users (user)
);

CREATE TABLE service_status (
	user VARCHAR(64) NOT NULL,
	service VARCHAR(16) NOT NULL,
	owner VARCHAR(160) NOT NULL,
	status VARCHAR(16) NOT NULL,
	started_at VARCHAR(32) NOT NULL,
	beat_at VARCHAR(32) NOT NULL,
	detail TEXT DEFAULT '' NOT NULL,
	CONSTRAINT uq_service_status_user_service UNIQUE (user, service),
	CONSTRAINT ck_service_status_service CHECK (service IN ('daemon', 'run-due')),
	CONSTRAINT ck_service_status_status CHECK (status IN ('running', 'stopped')),
	CONSTRAINT fk_service_status_user FOREIGN KEY(user) REFERENCES users (user)
);

CREATE TABLE user_logs (
	id INTEGER NOT NULL,
	user VARCHAR(64) NOT NULL,
	at VARCHAR(32) NOT NULL,
	level VARCHAR(8) NOT NULL,
	action VARCHAR(32) NOT NULL,
	task VARCHAR(32) DEFAULT '' NOT NULL,
	symbol VARCHAR(32) DEFAULT '' NOT NULL,
	message TEXT NOT NULL,
	CONSTRAINT pk_user_logs PRIMARY KEY (id),
	CONSTRAINT fk_user_logs_user FOREIGN KEY(user) REFERENCES users (user)
);

CREATE TABLE instruments (
	user VARCHAR(64) NOT NULL,
	instrument_id VARCHAR(32) NOT NULL,
	symbol VARCHAR(32) NOT NULL,
	series VARCHAR(4) NOT NULL,
	isin VARCHAR(12),
	tick_size BIGINT NOT NULL,
	lot_size INTEGER NOT NULL,
	as_of DATE NOT NULL,
	CONSTRAINT uq_instruments_user_instrument_id UNIQUE (user, instrument_id),
	CONSTRAINT fk_instruments_user FOREIGN KEY(user) REFERENCES users (user)
);

CREATE TABLE signals (
	id INTEGER NOT NULL,
	user VARCHAR(64) NOT NULL,
	instrument_id VARCHAR(32) NOT NULL,
	symbol VARCHAR(32) NOT NULL,
	analysed DATE NOT NULL,
	for_session DATE NOT NULL,
	verdict VARCHAR(12) NOT NULL,
	rank INTEGER NOT NULL,
	close BIGINT NOT NULL,
	limit_price BIGINT NOT NULL,
	rsi FLOAT NOT NULL,
	ema9 FLOAT NOT NULL,
	level INTEGER NOT NULL,
	strength FLOAT NOT NULL,
	backtest FLOAT NOT NULL,
	combined FLOAT NOT NULL,
	trades INTEGER NOT NULL,
	bars INTEGER NOT NULL,
	average_turnover BIGINT NOT NULL,
	data_state VARCHAR(16) NOT NULL,
	data_date DATE NOT NULL,
	status VARCHAR(12) NOT NULL,
	created_at VARCHAR(32) NOT NULL,
	CONSTRAINT pk_signals PRIMARY KEY (id),
	CONSTRAINT uq_signals_user_analysed_instrument_id UNIQUE (user, analysed, instrument_id),
	CONSTRAINT ck_signals_verdict CHECK (verdict IN ('STRONG_BUY', 'BUY')),
	CONSTRAINT ck_signals_status CHECK (status IN ('active', 'used', 'expired', 'cancelled')),
	CONSTRAINT ck_signals_data_state CHECK (data_state IN ('final', 'provisional')),
	CONSTRAINT fk_signals_user FOREIGN KEY(user) REFERENCES users (user)
);

CREATE TABLE decisions (
	id INTEGER NOT NULL,
	user VARCHAR(64) NOT NULL,
	at VARCHAR(32) NOT NULL,
	session_date DATE NOT NULL,
	task VARCHAR(32) NOT NULL,
	slot VARCHAR(8) DEFAULT '' NOT NULL,
	instrument_id VARCHAR(32) NOT NULL,
	symbol VARCHAR(32) NOT NULL,
	verdict VARCHAR(24) NOT NULL,
	rule VARCHAR(48) NOT NULL,
	reason TEXT NOT NULL,
	inputs TEXT NOT NULL,
	CONSTRAINT pk_decisions PRIMARY KEY (id),
	CONSTRAINT uq_decisions_user_task_session_date_slot_instrument_id_rule UNIQUE (user, task, session_date, slot, instrument_id, rule),
	CONSTRAINT fk_decisions_user FOREIGN KEY(user) REFERENCES users (user)
);

CREATE TABLE positions (
	id INTEGER NOT NULL,
	user VARCHAR(64) NOT NULL,
	instrument_id VARCHAR(32) NOT NULL,
	symbol VARCHAR(32) NOT NULL,
	status VARCHAR(8) NOT NULL,
	quantity INTEGER NOT NULL,
	cost BIGINT NOT NULL,
	bought BIGINT NOT NULL,
	sold BIGINT NOT NULL,
	buys INTEGER NOT NULL,
	level INTEGER NOT NULL,
	level_session DATE NOT NULL,
	realised BIGINT NOT NULL,
	charges BIGINT NOT NULL,
	dividends BIGINT DEFAULT '0' NOT NULL,
	spun_off BIGINT DEFAULT '0' NOT NULL,
	opened_session DATE NOT NULL,
	closed_session DATE,
	opened_at VARCHAR(32) NOT NULL,
	closed_at VARCHAR(32),
	CONSTRAINT pk_positions PRIMARY KEY (id),
	CONSTRAINT ck_positions_status CHECK (status IN ('open', 'closed')),
	CONSTRAINT ck_positions_quantity CHECK (quantity >= 0),
	CONSTRAINT fk_positions_user FOREIGN KEY(user) REFERENCES users (user)
);

CREATE TABLE daily_stats (
	user VARCHAR(64) NOT NULL,
	session_date DATE NOT NULL,
	cash BIGINT NOT NULL,
	holdings_value BIGINT NOT NULL,
	equity BIGINT NOT NULL,
	realised BIGINT NOT NULL,
	unrealised BIGINT NOT NULL,
	charges BIGINT NOT NULL,
	dividends BIGINT DEFAULT '0' NOT NULL,
	trades INTEGER NOT NULL,
	winners INTEGER NOT NULL,
	open_positions INTEGER NOT NULL,
	mismatches INTEGER NOT NULL,
	peak_equity BIGINT NOT NULL,
	drawdown FLOAT NOT NULL,
	CONSTRAINT uq_daily_stats_user_session_date UNIQUE (user, session_date),
	CONSTRAINT fk_daily_stats_user FOREIGN KEY(user) REFERENCES users (user)
);

CREATE TABLE outbox (
	id INTEGER NOT NULL,
	user VARCHAR(64) NOT NULL,
	created_at VARCHAR(32) NOT NULL,
	kind VARCHAR(16) NOT NULL,
	title TEXT NOT NULL,
	body TEXT NOT NULL,
	sent_at VARCHAR(32),
	tries INTEGER DEFAULT '0' NOT NULL,
	error TEXT DEFAULT '' NOT NULL,
	deduplicate VARCHAR(96) NOT NULL,
	claimed_until VARCHAR(32),
	CONSTRAINT pk_outbox PRIMARY KEY (id),
	CONSTRAINT uq_outbox_user_deduplicate UNIQUE (user, deduplicate),
	CONSTRAINT ck_outbox_kind CHECK (kind IN ('buy_placed', 'buy_filled', 'sell_filled', 'rejected', 'unknown_order', 'unprotected', 'halted', 'order_problem', 'missed_slot', 'missing_data', 'login_needed', 'task_failed', 'daily_summary', 'notice')),
	CONSTRAINT fk_outbox_user FOREIGN KEY(user) REFERENCES users (user)
);

CREATE TABLE rate_limits (
	user VARCHAR(64) NOT NULL,
	broker VARCHAR(32) NOT NULL,
	bucket VARCHAR(32) NOT NULL,
	seconds FLOAT NOT NULL,
	tokens FLOAT NOT NULL,
	at VARCHAR(32) NOT NULL,
	CONSTRAINT uq_rate_limits_user_broker_bucket_seconds UNIQUE (user, broker, bucket, seconds),
	CONSTRAINT fk_rate_limits_user FOREIGN KEY(user) REFERENCES users (user)
);

CREATE TABLE telegram_updates (
	user VARCHAR(64) NOT NULL,
	update_id BIGINT NOT NULL,
	chat_id BIGINT NOT NULL,
	command VARCHAR(16) NOT NULL,
	handled_at VARCHAR(32) NOT NULL,
	CONSTRAINT uq_telegram_updates_user_update_id UNIQUE (user, update_id),
	CONSTRAINT fk_telegram_updates_user FOREIGN KEY(user) REFERENCES users (user)
);

CREATE TABLE buy_approvals (
	user VARCHAR(64) NOT NULL,
	session_date DATE NOT NULL,
	for_session DATE NOT NULL,
	list_hash VARCHAR(16) NOT NULL,
	lines TEXT NOT NULL,
	asked_at VARCHAR(32) NOT NULL,
	until VARCHAR(32) NOT NULL,
	shown_at VARCHAR(32),
	verdict VARCHAR(8),
	decided_at VARCHAR(32),
	decided_by VARCHAR(64) DEFAULT '' NOT NULL,
	CONSTRAINT uq_buy_approvals_user_session_date UNIQUE (user, session_date),
	CONSTRAINT ck_buy_approvals_verdict CHECK (verdict IN ('approved', 'rejected', 'expired')),
	CONSTRAINT fk_buy_approvals_user FOREIGN KEY(user) REFERENCES users (user)
);

CREATE TABLE outside_trades (
	user VARCHAR(64) NOT NULL,
	session_date DATE NOT NULL,
	exchange VARCHAR(8) NOT NULL,
	trade_id VARCHAR(96) NOT NULL,
	symbol VARCHAR(32) NOT NULL,
	isin VARCHAR(12) DEFAULT '' NOT NULL,
	side VARCHAR(4) NOT NULL,
	quantity INTEGER NOT NULL,
	price BIGINT NOT NULL,
	at VARCHAR(32) NOT NULL,
	order_id VARCHAR(64) DEFAULT '' NOT NULL,
	buyback BOOLEAN DEFAULT '0' NOT NULL,
	source TEXT NOT NULL,
	"row" INTEGER NOT NULL,
	imported_at VARCHAR(32) NOT NULL,
	CONSTRAINT uq_outside_trades_user_session_date_exchange_trade_id UNIQUE (user, session_date, exchange, trade_id),
	CONSTRAINT ck_outside_trades_side CHECK (side IN ('BUY', 'SELL')),
	CONSTRAINT ck_outside_trades_positive CHECK (quantity > 0 AND price > 0),
	CONSTRAINT fk_outside_trades_user FOREIGN KEY(user) REFERENCES users (user)
);

CREATE TABLE orders (
	id INTEGER NOT NULL,
	user VARCHAR(64) NOT NULL,
	tag VARCHAR(20) NOT NULL,
	instrument_id VARCHAR(32) NOT NULL,
	symbol VARCHAR(32) NOT NULL,
	side VARCHAR(4) NOT NULL,
	purpose VARCHAR(12) NOT NULL,
	quantity INTEGER NOT NULL,
	price BIGINT NOT NULL,
	order_type VARCHAR(8) NOT NULL,
	variety VARCHAR(8) NOT NULL,
	product VARCHAR(4) DEFAULT 'CNC' NOT NULL,
	validity VARCHAR(4) DEFAULT 'DAY' NOT NULL,
	status VARCHAR(16) NOT NULL,
	reason TEXT DEFAULT '' NOT NULL,
	reason_code VARCHAR(16),
	session_date DATE NOT NULL,
	decided DATE NOT NULL,
	leg VARCHAR(32) NOT NULL,
	generation INTEGER NOT NULL,
	position_id INTEGER,
	signal_id INTEGER,
	execution_id INTEGER,
	level INTEGER DEFAULT '0' NOT NULL,
	broker_order_id VARCHAR(64),
	filled_quantity INTEGER DEFAULT '0' NOT NULL,
	modifications INTEGER DEFAULT '0' NOT NULL,
	created_at VARCHAR(32) NOT NULL,
	sending_at VARCHAR(32),
	sent_at VARCHAR(32),
	updated_at VARCHAR(32) NOT NULL,
	sender VARCHAR(160),
	absent_since VARCHAR(32),
	previous VARCHAR(16),
	CONSTRAINT pk_orders PRIMARY KEY (id),
	CONSTRAINT uq_orders_user_tag UNIQUE (user, tag),
	CONSTRAINT uq_orders_user_session_date_purpose_instrument_id_leg_generation UNIQUE (user, session_date, purpose, instrument_id, leg, generation),
	CONSTRAINT ck_orders_status CHECK (status IN ('PENDING', 'ONGOING', 'EXECUTED', 'REJECTED', 'CANCELLED', 'RETRY_PENDING', 'UNKNOWN')),
	CONSTRAINT ck_orders_move CHECK (previous IS NULL OR previous = status OR (previous = 'PENDING' AND status IN ('CANCELLED', 'EXECUTED', 'ONGOING', 'REJECTED', 'RETRY_PENDING', 'UNKNOWN')) OR (previous = 'ONGOING' AND status IN ('CANCELLED', 'EXECUTED', 'REJECTED', 'UNKNOWN')) OR (previous = 'UNKNOWN' AND status IN ('CANCELLED', 'EXECUTED', 'ONGOING', 'PENDING', 'REJECTED', 'RETRY_PENDING')) OR (previous = 'RETRY_PENDING' AND status IN ('CANCELLED', 'PENDING')) OR (previous = 'REJECTED' AND status IN ('UNKNOWN')) OR (previous = 'CANCELLED' AND status IN ('UNKNOWN'))),
	CONSTRAINT ck_orders_reason_code CHECK (reason_code IN ('withdrawn', 'reappeared', 'returned', 'unexplained', 'unfounded', 'decided', 'fills_entered', 'repeated_tag', 'unsent', 'retry_expired', 'never_appeared')),
	CONSTRAINT ck_orders_side CHECK (side IN ('BUY', 'SELL')),
	CONSTRAINT ck_orders_purpose CHECK (purpose IN ('entry', 'reentry', 'target', 'rsi_exit', 'seed', 'unidentified')),
	CONSTRAINT ck_orders_variety CHECK (variety IN ('REGULAR', 'AMO')),
	CONSTRAINT ck_orders_quantity CHECK (quantity > 0 AND filled_quantity >= 0 AND filled_quantity <= quantity),
	CONSTRAINT ck_orders_executed CHECK (status <> 'EXECUTED' OR filled_quantity = quantity),
	CONSTRAINT fk_orders_user FOREIGN KEY(user) REFERENCES users (user),
	CONSTRAINT fk_orders_position_id FOREIGN KEY(position_id) REFERENCES positions (id),
	CONSTRAINT fk_orders_signal_id FOREIGN KEY(signal_id) REFERENCES signals (id),
	CONSTRAINT fk_orders_execution_id FOREIGN KEY(execution_id) REFERENCES task_executions (id)
);

CREATE TABLE adjustments (
	id INTEGER NOT NULL,
	user VARCHAR(64) NOT NULL,
	position_id INTEGER NOT NULL,
	kind VARCHAR(16) NOT NULL,
	ex_date DATE NOT NULL,
	ratio VARCHAR(48) DEFAULT '1' NOT NULL,
	cost_kept VARCHAR(48) DEFAULT '1' NOT NULL,
	quantity_before INTEGER NOT NULL,
	quantity_after INTEGER NOT NULL,
	cash BIGINT DEFAULT '0' NOT NULL,
	at VARCHAR(32) NOT NULL,
	CONSTRAINT pk_adjustments PRIMARY KEY (id),
	CONSTRAINT uq_adjustments_user_position_id_kind_ex_date UNIQUE (user, position_id, kind, ex_date),
	CONSTRAINT ck_adjustments_kind CHECK (kind IN ('split', 'bonus', 'consolidation', 'demerger', 'dividend')),
	CONSTRAINT fk_adjustments_user FOREIGN KEY(user) REFERENCES users (user),
	CONSTRAINT fk_adjustments_position_id FOREIGN KEY(position_id) REFERENCES positions (id)
);

CREATE TABLE fills (
	id INTEGER NOT NULL,
	user VARCHAR(64) NOT NULL,
	trade_id VARCHAR(64) NOT NULL,
	order_id INTEGER,
	position_id INTEGER,
	instrument_id VARCHAR(32) NOT NULL,
	symbol VARCHAR(32) NOT NULL,
	side VARCHAR(4) NOT NULL,
	quantity INTEGER NOT NULL,
	booked INTEGER NOT NULL,
	price BIGINT NOT NULL,
	charges BIGINT DEFAULT '0' NOT NULL,
	session_date DATE NOT NULL,
	at VARCHAR(32) NOT NULL,
	external BOOLEAN DEFAULT '0' NOT NULL,
	CONSTRAINT pk_fills PRIMARY KEY (id),
	CONSTRAINT uq_fills_user_trade_id UNIQUE (user, trade_id),
	CONSTRAINT ck_fills_side CHECK (side IN ('BUY', 'SELL')),
	CONSTRAINT ck_fills_positive CHECK (quantity > 0 AND price > 0),
	CONSTRAINT fk_fills_user FOREIGN KEY(user) REFERENCES users (user),
	CONSTRAINT fk_fills_order_id FOREIGN KEY(order_id) REFERENCES orders (id),
	CONSTRAINT fk_fills_position_id FOREIGN KEY(position_id) REFERENCES positions (id)
);

CREATE TABLE notes (
	id INTEGER NOT NULL,
	user VARCHAR(64) NOT NULL,
	at VARCHAR(32) NOT NULL,
	symbol VARCHAR(32) NOT NULL,
	order_id INTEGER,
	entry_trade_id VARCHAR(64),
	exit_trade_id VARCHAR(64),
	text TEXT NOT NULL,
	tags TEXT NOT NULL,
	CONSTRAINT pk_notes PRIMARY KEY (id),
	CONSTRAINT ck_notes_subject CHECK ((order_id IS NULL) = (entry_trade_id IS NOT NULL AND exit_trade_id IS NOT NULL)),
	CONSTRAINT fk_notes_user FOREIGN KEY(user) REFERENCES users (user),
	CONSTRAINT fk_notes_order_id FOREIGN KEY(order_id) REFERENCES orders (id)
);

CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);

CREATE INDEX ix_user_logs_user_at ON user_logs (user, at);

CREATE UNIQUE INDEX uq_positions_open ON positions (user, instrument_id) WHERE status = 'open';

CREATE INDEX ix_orders_user_status ON orders (user, status);

CREATE UNIQUE INDEX uq_orders_broker_order_id ON orders (user, broker_order_id);

CREATE INDEX ix_fills_user_position_id ON fills (user, position_id);

CREATE INDEX ix_notes_user_order_id ON notes (user, order_id);

CREATE TRIGGER journal_adjustments_delete AFTER DELETE ON adjustments WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (OLD."user", 'adjustments', CAST(OLD."id" AS text), 'delete', json_object('id', OLD."id", 'user', OLD."user", 'position_id', OLD."position_id", 'kind', OLD."kind", 'ex_date', OLD."ex_date", 'ratio', OLD."ratio", 'cost_kept', OLD."cost_kept", 'quantity_before', OLD."quantity_before", 'quantity_after', OLD."quantity_after", 'cash', OLD."cash", 'at', OLD."at")); END;

CREATE TRIGGER journal_adjustments_insert AFTER INSERT ON adjustments WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'adjustments', CAST(NEW."id" AS text), 'insert', json_object('id', NEW."id", 'user', NEW."user", 'position_id', NEW."position_id", 'kind', NEW."kind", 'ex_date', NEW."ex_date", 'ratio', NEW."ratio", 'cost_kept', NEW."cost_kept", 'quantity_before', NEW."quantity_before", 'quantity_after', NEW."quantity_after", 'cash', NEW."cash", 'at', NEW."at")); END;

CREATE TRIGGER journal_adjustments_update AFTER UPDATE ON adjustments WHEN (1 = 1) AND (OLD."id" IS NOT NEW."id" OR OLD."user" IS NOT NEW."user" OR OLD."position_id" IS NOT NEW."position_id" OR OLD."kind" IS NOT NEW."kind" OR OLD."ex_date" IS NOT NEW."ex_date" OR OLD."ratio" IS NOT NEW."ratio" OR OLD."cost_kept" IS NOT NEW."cost_kept" OR OLD."quantity_before" IS NOT NEW."quantity_before" OR OLD."quantity_after" IS NOT NEW."quantity_after" OR OLD."cash" IS NOT NEW."cash" OR OLD."at" IS NOT NEW."at") BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'adjustments', CAST(NEW."id" AS text), 'update', json_object('id', NEW."id", 'user', NEW."user", 'position_id', NEW."position_id", 'kind', NEW."kind", 'ex_date', NEW."ex_date", 'ratio', NEW."ratio", 'cost_kept', NEW."cost_kept", 'quantity_before', NEW."quantity_before", 'quantity_after', NEW."quantity_after", 'cash', NEW."cash", 'at', NEW."at")); END;

CREATE TRIGGER journal_buy_approvals_delete AFTER DELETE ON buy_approvals WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (OLD."user", 'buy_approvals', CAST(OLD."user" AS text) || ' ' || CAST(OLD."session_date" AS text), 'delete', json_object('user', OLD."user", 'session_date', OLD."session_date", 'for_session', OLD."for_session", 'list_hash', OLD."list_hash", 'lines', OLD."lines", 'asked_at', OLD."asked_at", 'until', OLD."until", 'shown_at', OLD."shown_at", 'verdict', OLD."verdict", 'decided_at', OLD."decided_at", 'decided_by', OLD."decided_by")); END;

CREATE TRIGGER journal_buy_approvals_insert AFTER INSERT ON buy_approvals WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'buy_approvals', CAST(NEW."user" AS text) || ' ' || CAST(NEW."session_date" AS text), 'insert', json_object('user', NEW."user", 'session_date', NEW."session_date", 'for_session', NEW."for_session", 'list_hash', NEW."list_hash", 'lines', NEW."lines", 'asked_at', NEW."asked_at", 'until', NEW."until", 'shown_at', NEW."shown_at", 'verdict', NEW."verdict", 'decided_at', NEW."decided_at", 'decided_by', NEW."decided_by")); END;

CREATE TRIGGER journal_buy_approvals_update AFTER UPDATE ON buy_approvals WHEN (1 = 1) AND (OLD."user" IS NOT NEW."user" OR OLD."session_date" IS NOT NEW."session_date" OR OLD."for_session" IS NOT NEW."for_session" OR OLD."list_hash" IS NOT NEW."list_hash" OR OLD."lines" IS NOT NEW."lines" OR OLD."asked_at" IS NOT NEW."asked_at" OR OLD."until" IS NOT NEW."until" OR OLD."shown_at" IS NOT NEW."shown_at" OR OLD."verdict" IS NOT NEW."verdict" OR OLD."decided_at" IS NOT NEW."decided_at" OR OLD."decided_by" IS NOT NEW."decided_by") BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'buy_approvals', CAST(NEW."user" AS text) || ' ' || CAST(NEW."session_date" AS text), 'update', json_object('user', NEW."user", 'session_date', NEW."session_date", 'for_session', NEW."for_session", 'list_hash', NEW."list_hash", 'lines', NEW."lines", 'asked_at', NEW."asked_at", 'until', NEW."until", 'shown_at', NEW."shown_at", 'verdict', NEW."verdict", 'decided_at', NEW."decided_at", 'decided_by', NEW."decided_by")); END;

CREATE TRIGGER journal_database_info_delete AFTER DELETE ON database_info WHEN (OLD.key IN ('mode', 'clock', 'created_at') OR substr(OLD.key, 1, 6) = 'armed.') BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES ('', 'database_info', CAST(OLD."key" AS text), 'delete', json_object('key', OLD."key", 'value', OLD."value")); END;

CREATE TRIGGER journal_database_info_insert AFTER INSERT ON database_info WHEN (NEW.key IN ('mode', 'clock', 'created_at') OR substr(NEW.key, 1, 6) = 'armed.') BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES ('', 'database_info', CAST(NEW."key" AS text), 'insert', json_object('key', NEW."key", 'value', NEW."value")); END;

CREATE TRIGGER journal_database_info_update AFTER UPDATE ON database_info WHEN ((OLD.key IN ('mode', 'clock', 'created_at') OR substr(OLD.key, 1, 6) = 'armed.') OR (NEW.key IN ('mode', 'clock', 'created_at') OR substr(NEW.key, 1, 6) = 'armed.')) AND (OLD."key" IS NOT NEW."key" OR OLD."value" IS NOT NEW."value") BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES ('', 'database_info', CAST(NEW."key" AS text), 'update', json_object('key', NEW."key", 'value', NEW."value")); END;

CREATE TRIGGER journal_fills_delete AFTER DELETE ON fills WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (OLD."user", 'fills', CAST(OLD."id" AS text), 'delete', json_object('id', OLD."id", 'user', OLD."user", 'trade_id', OLD."trade_id", 'order_id', OLD."order_id", 'position_id', OLD."position_id", 'instrument_id', OLD."instrument_id", 'symbol', OLD."symbol", 'side', OLD."side", 'quantity', OLD."quantity", 'booked', OLD."booked", 'price', OLD."price", 'charges', OLD."charges", 'session_date', OLD."session_date", 'at', OLD."at", 'external', OLD."external")); END;

CREATE TRIGGER journal_fills_insert AFTER INSERT ON fills WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'fills', CAST(NEW."id" AS text), 'insert', json_object('id', NEW."id", 'user', NEW."user", 'trade_id', NEW."trade_id", 'order_id', NEW."order_id", 'position_id', NEW."position_id", 'instrument_id', NEW."instrument_id", 'symbol', NEW."symbol", 'side', NEW."side", 'quantity', NEW."quantity", 'booked', NEW."booked", 'price', NEW."price", 'charges', NEW."charges", 'session_date', NEW."session_date", 'at', NEW."at", 'external', NEW."external")); END;

CREATE TRIGGER journal_fills_update AFTER UPDATE ON fills WHEN (1 = 1) AND (OLD."id" IS NOT NEW."id" OR OLD."user" IS NOT NEW."user" OR OLD."trade_id" IS NOT NEW."trade_id" OR OLD."order_id" IS NOT NEW."order_id" OR OLD."position_id" IS NOT NEW."position_id" OR OLD."instrument_id" IS NOT NEW."instrument_id" OR OLD."symbol" IS NOT NEW."symbol" OR OLD."side" IS NOT NEW."side" OR OLD."quantity" IS NOT NEW."quantity" OR OLD."booked" IS NOT NEW."booked" OR OLD."price" IS NOT NEW."price" OR OLD."charges" IS NOT NEW."charges" OR OLD."session_date" IS NOT NEW."session_date" OR OLD."at" IS NOT NEW."at" OR OLD."external" IS NOT NEW."external") BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'fills', CAST(NEW."id" AS text), 'update', json_object('id', NEW."id", 'user', NEW."user", 'trade_id', NEW."trade_id", 'order_id', NEW."order_id", 'position_id', NEW."position_id", 'instrument_id', NEW."instrument_id", 'symbol', NEW."symbol", 'side', NEW."side", 'quantity', NEW."quantity", 'booked', NEW."booked", 'price', NEW."price", 'charges', NEW."charges", 'session_date', NEW."session_date", 'at', NEW."at", 'external', NEW."external")); END;

CREATE TRIGGER journal_keeps_delete BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

CREATE TRIGGER journal_keeps_entries BEFORE INSERT ON journal WHEN EXISTS (SELECT 1 FROM journal WHERE seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

CREATE TRIGGER journal_keeps_update BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

CREATE TRIGGER journal_notes_delete AFTER DELETE ON notes WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (OLD."user", 'notes', CAST(OLD."id" AS text), 'delete', json_object('id', OLD."id", 'user', OLD."user", 'at', OLD."at", 'symbol', OLD."symbol", 'order_id', OLD."order_id", 'entry_trade_id', OLD."entry_trade_id", 'exit_trade_id', OLD."exit_trade_id", 'text', OLD."text", 'tags', OLD."tags")); END;

CREATE TRIGGER journal_notes_insert AFTER INSERT ON notes WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'notes', CAST(NEW."id" AS text), 'insert', json_object('id', NEW."id", 'user', NEW."user", 'at', NEW."at", 'symbol', NEW."symbol", 'order_id', NEW."order_id", 'entry_trade_id', NEW."entry_trade_id", 'exit_trade_id', NEW."exit_trade_id", 'text', NEW."text", 'tags', NEW."tags")); END;

CREATE TRIGGER journal_notes_update AFTER UPDATE ON notes WHEN (1 = 1) AND (OLD."id" IS NOT NEW."id" OR OLD."user" IS NOT NEW."user" OR OLD."at" IS NOT NEW."at" OR OLD."symbol" IS NOT NEW."symbol" OR OLD."order_id" IS NOT NEW."order_id" OR OLD."entry_trade_id" IS NOT NEW."entry_trade_id" OR OLD."exit_trade_id" IS NOT NEW."exit_trade_id" OR OLD."text" IS NOT NEW."text" OR OLD."tags" IS NOT NEW."tags") BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'notes', CAST(NEW."id" AS text), 'update', json_object('id', NEW."id", 'user', NEW."user", 'at', NEW."at", 'symbol', NEW."symbol", 'order_id', NEW."order_id", 'entry_trade_id', NEW."entry_trade_id", 'exit_trade_id', NEW."exit_trade_id", 'text', NEW."text", 'tags', NEW."tags")); END;

CREATE TRIGGER journal_orders_delete AFTER DELETE ON orders WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (OLD."user", 'orders', CAST(OLD."id" AS text), 'delete', json_object('id', OLD."id", 'user', OLD."user", 'tag', OLD."tag", 'instrument_id', OLD."instrument_id", 'symbol', OLD."symbol", 'side', OLD."side", 'purpose', OLD."purpose", 'quantity', OLD."quantity", 'price', OLD."price", 'order_type', OLD."order_type", 'variety', OLD."variety", 'product', OLD."product", 'validity', OLD."validity", 'status', OLD."status", 'reason', OLD."reason", 'reason_code', OLD."reason_code", 'session_date', OLD."session_date", 'decided', OLD."decided", 'leg', OLD."leg", 'generation', OLD."generation", 'position_id', OLD."position_id", 'signal_id', OLD."signal_id", 'execution_id', OLD."execution_id", 'level', OLD."level", 'broker_order_id', OLD."broker_order_id", 'filled_quantity', OLD."filled_quantity", 'modifications', OLD."modifications", 'created_at', OLD."created_at", 'sending_at', OLD."sending_at", 'sent_at', OLD."sent_at", 'updated_at', OLD."updated_at", 'sender', OLD."sender", 'absent_since', OLD."absent_since", 'previous', OLD."previous")); END;

CREATE TRIGGER journal_orders_insert AFTER INSERT ON orders WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'orders', CAST(NEW."id" AS text), 'insert', json_object('id', NEW."id", 'user', NEW."user", 'tag', NEW."tag", 'instrument_id', NEW."instrument_id", 'symbol', NEW."symbol", 'side', NEW."side", 'purpose', NEW."purpose", 'quantity', NEW."quantity", 'price', NEW."price", 'order_type', NEW."order_type", 'variety', NEW."variety", 'product', NEW."product", 'validity', NEW."validity", 'status', NEW."status", 'reason', NEW."reason", 'reason_code', NEW."reason_code", 'session_date', NEW."session_date", 'decided', NEW."decided", 'leg', NEW."leg", 'generation', NEW."generation", 'position_id', NEW."position_id", 'signal_id', NEW."signal_id", 'execution_id', NEW."execution_id", 'level', NEW."level", 'broker_order_id', NEW."broker_order_id", 'filled_quantity', NEW."filled_quantity", 'modifications', NEW."modifications", 'created_at', NEW."created_at", 'sending_at', NEW."sending_at", 'sent_at', NEW."sent_at", 'updated_at', NEW."updated_at", 'sender', NEW."sender", 'absent_since', NEW."absent_since", 'previous', NEW."previous")); END;

CREATE TRIGGER journal_orders_update AFTER UPDATE ON orders WHEN (1 = 1) AND (OLD."id" IS NOT NEW."id" OR OLD."user" IS NOT NEW."user" OR OLD."tag" IS NOT NEW."tag" OR OLD."instrument_id" IS NOT NEW."instrument_id" OR OLD."symbol" IS NOT NEW."symbol" OR OLD."side" IS NOT NEW."side" OR OLD."purpose" IS NOT NEW."purpose" OR OLD."quantity" IS NOT NEW."quantity" OR OLD."price" IS NOT NEW."price" OR OLD."order_type" IS NOT NEW."order_type" OR OLD."variety" IS NOT NEW."variety" OR OLD."product" IS NOT NEW."product" OR OLD."validity" IS NOT NEW."validity" OR OLD."status" IS NOT NEW."status" OR OLD."reason" IS NOT NEW."reason" OR OLD."reason_code" IS NOT NEW."reason_code" OR OLD."session_date" IS NOT NEW."session_date" OR OLD."decided" IS NOT NEW."decided" OR OLD."leg" IS NOT NEW."leg" OR OLD."generation" IS NOT NEW."generation" OR OLD."position_id" IS NOT NEW."position_id" OR OLD."signal_id" IS NOT NEW."signal_id" OR OLD."execution_id" IS NOT NEW."execution_id" OR OLD."level" IS NOT NEW."level" OR OLD."broker_order_id" IS NOT NEW."broker_order_id" OR OLD."filled_quantity" IS NOT NEW."filled_quantity" OR OLD."modifications" IS NOT NEW."modifications" OR OLD."created_at" IS NOT NEW."created_at" OR OLD."sending_at" IS NOT NEW."sending_at" OR OLD."sent_at" IS NOT NEW."sent_at" OR OLD."updated_at" IS NOT NEW."updated_at" OR OLD."sender" IS NOT NEW."sender" OR OLD."absent_since" IS NOT NEW."absent_since" OR OLD."previous" IS NOT NEW."previous") BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'orders', CAST(NEW."id" AS text), 'update', json_object('id', NEW."id", 'user', NEW."user", 'tag', NEW."tag", 'instrument_id', NEW."instrument_id", 'symbol', NEW."symbol", 'side', NEW."side", 'purpose', NEW."purpose", 'quantity', NEW."quantity", 'price', NEW."price", 'order_type', NEW."order_type", 'variety', NEW."variety", 'product', NEW."product", 'validity', NEW."validity", 'status', NEW."status", 'reason', NEW."reason", 'reason_code', NEW."reason_code", 'session_date', NEW."session_date", 'decided', NEW."decided", 'leg', NEW."leg", 'generation', NEW."generation", 'position_id', NEW."position_id", 'signal_id', NEW."signal_id", 'execution_id', NEW."execution_id", 'level', NEW."level", 'broker_order_id', NEW."broker_order_id", 'filled_quantity', NEW."filled_quantity", 'modifications', NEW."modifications", 'created_at', NEW."created_at", 'sending_at', NEW."sending_at", 'sent_at', NEW."sent_at", 'updated_at', NEW."updated_at", 'sender', NEW."sender", 'absent_since', NEW."absent_since", 'previous', NEW."previous")); END;

CREATE TRIGGER journal_outside_trades_delete AFTER DELETE ON outside_trades WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (OLD."user", 'outside_trades', CAST(OLD."user" AS text) || ' ' || CAST(OLD."session_date" AS text) || ' ' || CAST(OLD."exchange" AS text) || ' ' || CAST(OLD."trade_id" AS text), 'delete', json_object('user', OLD."user", 'session_date', OLD."session_date", 'exchange', OLD."exchange", 'trade_id', OLD."trade_id", 'symbol', OLD."symbol", 'isin', OLD."isin", 'side', OLD."side", 'quantity', OLD."quantity", 'price', OLD."price", 'at', OLD."at", 'order_id', OLD."order_id", 'buyback', OLD."buyback", 'source', OLD."source", 'row', OLD."row", 'imported_at', OLD."imported_at")); END;

CREATE TRIGGER journal_outside_trades_insert AFTER INSERT ON outside_trades WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'outside_trades', CAST(NEW."user" AS text) || ' ' || CAST(NEW."session_date" AS text) || ' ' || CAST(NEW."exchange" AS text) || ' ' || CAST(NEW."trade_id" AS text), 'insert', json_object('user', NEW."user", 'session_date', NEW."session_date", 'exchange', NEW."exchange", 'trade_id', NEW."trade_id", 'symbol', NEW."symbol", 'isin', NEW."isin", 'side', NEW."side", 'quantity', NEW."quantity", 'price', NEW."price", 'at', NEW."at", 'order_id', NEW."order_id", 'buyback', NEW."buyback", 'source', NEW."source", 'row', NEW."row", 'imported_at', NEW."imported_at")); END;

CREATE TRIGGER journal_outside_trades_update AFTER UPDATE ON outside_trades WHEN (1 = 1) AND (OLD."user" IS NOT NEW."user" OR OLD."session_date" IS NOT NEW."session_date" OR OLD."exchange" IS NOT NEW."exchange" OR OLD."trade_id" IS NOT NEW."trade_id" OR OLD."symbol" IS NOT NEW."symbol" OR OLD."isin" IS NOT NEW."isin" OR OLD."side" IS NOT NEW."side" OR OLD."quantity" IS NOT NEW."quantity" OR OLD."price" IS NOT NEW."price" OR OLD."at" IS NOT NEW."at" OR OLD."order_id" IS NOT NEW."order_id" OR OLD."buyback" IS NOT NEW."buyback" OR OLD."source" IS NOT NEW."source" OR OLD."row" IS NOT NEW."row" OR OLD."imported_at" IS NOT NEW."imported_at") BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'outside_trades', CAST(NEW."user" AS text) || ' ' || CAST(NEW."session_date" AS text) || ' ' || CAST(NEW."exchange" AS text) || ' ' || CAST(NEW."trade_id" AS text), 'update', json_object('user', NEW."user", 'session_date', NEW."session_date", 'exchange', NEW."exchange", 'trade_id', NEW."trade_id", 'symbol', NEW."symbol", 'isin', NEW."isin", 'side', NEW."side", 'quantity', NEW."quantity", 'price', NEW."price", 'at', NEW."at", 'order_id', NEW."order_id", 'buyback', NEW."buyback", 'source', NEW."source", 'row', NEW."row", 'imported_at', NEW."imported_at")); END;

CREATE TRIGGER journal_positions_delete AFTER DELETE ON positions WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (OLD."user", 'positions', CAST(OLD."id" AS text), 'delete', json_object('id', OLD."id", 'user', OLD."user", 'instrument_id', OLD."instrument_id", 'symbol', OLD."symbol", 'status', OLD."status", 'quantity', OLD."quantity", 'cost', OLD."cost", 'bought', OLD."bought", 'sold', OLD."sold", 'buys', OLD."buys", 'level', OLD."level", 'level_session', OLD."level_session", 'realised', OLD."realised", 'charges', OLD."charges", 'dividends', OLD."dividends", 'spun_off', OLD."spun_off", 'opened_session', OLD."opened_session", 'closed_session', OLD."closed_session", 'opened_at', OLD."opened_at", 'closed_at', OLD."closed_at")); END;

CREATE TRIGGER journal_positions_insert AFTER INSERT ON positions WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'positions', CAST(NEW."id" AS text), 'insert', json_object('id', NEW."id", 'user', NEW."user", 'instrument_id', NEW."instrument_id", 'symbol', NEW."symbol", 'status', NEW."status", 'quantity', NEW."quantity", 'cost', NEW."cost", 'bought', NEW."bought", 'sold', NEW."sold", 'buys', NEW."buys", 'level', NEW."level", 'level_session', NEW."level_session", 'realised', NEW."realised", 'charges', NEW."charges", 'dividends', NEW."dividends", 'spun_off', NEW."spun_off", 'opened_session', NEW."opened_session", 'closed_session', NEW."closed_session", 'opened_at', NEW."opened_at", 'closed_at', NEW."closed_at")); END;

CREATE TRIGGER journal_positions_update AFTER UPDATE ON positions WHEN (1 = 1) AND (OLD."id" IS NOT NEW."id" OR OLD."user" IS NOT NEW."user" OR OLD."instrument_id" IS NOT NEW."instrument_id" OR OLD."symbol" IS NOT NEW."symbol" OR OLD."status" IS NOT NEW."status" OR OLD."quantity" IS NOT NEW."quantity" OR OLD."cost" IS NOT NEW."cost" OR OLD."bought" IS NOT NEW."bought" OR OLD."sold" IS NOT NEW."sold" OR OLD."buys" IS NOT NEW."buys" OR OLD."level" IS NOT NEW."level" OR OLD."level_session" IS NOT NEW."level_session" OR OLD."realised" IS NOT NEW."realised" OR OLD."charges" IS NOT NEW."charges" OR OLD."dividends" IS NOT NEW."dividends" OR OLD."spun_off" IS NOT NEW."spun_off" OR OLD."opened_session" IS NOT NEW."opened_session" OR OLD."closed_session" IS NOT NEW."closed_session" OR OLD."opened_at" IS NOT NEW."opened_at" OR OLD."closed_at" IS NOT NEW."closed_at") BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'positions', CAST(NEW."id" AS text), 'update', json_object('id', NEW."id", 'user', NEW."user", 'instrument_id', NEW."instrument_id", 'symbol', NEW."symbol", 'status', NEW."status", 'quantity', NEW."quantity", 'cost', NEW."cost", 'bought', NEW."bought", 'sold', NEW."sold", 'buys', NEW."buys", 'level', NEW."level", 'level_session', NEW."level_session", 'realised', NEW."realised", 'charges', NEW."charges", 'dividends', NEW."dividends", 'spun_off', NEW."spun_off", 'opened_session', NEW."opened_session", 'closed_session', NEW."closed_session", 'opened_at', NEW."opened_at", 'closed_at', NEW."closed_at")); END;

CREATE TRIGGER journal_signals_delete AFTER DELETE ON signals WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (OLD."user", 'signals', CAST(OLD."id" AS text), 'delete', json_object('id', OLD."id", 'user', OLD."user", 'instrument_id', OLD."instrument_id", 'symbol', OLD."symbol", 'analysed', OLD."analysed", 'for_session', OLD."for_session", 'verdict', OLD."verdict", 'rank', OLD."rank", 'close', OLD."close", 'limit_price', OLD."limit_price", 'rsi', OLD."rsi", 'ema9', OLD."ema9", 'level', OLD."level", 'strength', OLD."strength", 'backtest', OLD."backtest", 'combined', OLD."combined", 'trades', OLD."trades", 'bars', OLD."bars", 'average_turnover', OLD."average_turnover", 'data_state', OLD."data_state", 'data_date', OLD."data_date", 'status', OLD."status", 'created_at', OLD."created_at")); END;

CREATE TRIGGER journal_signals_insert AFTER INSERT ON signals WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'signals', CAST(NEW."id" AS text), 'insert', json_object('id', NEW."id", 'user', NEW."user", 'instrument_id', NEW."instrument_id", 'symbol', NEW."symbol", 'analysed', NEW."analysed", 'for_session', NEW."for_session", 'verdict', NEW."verdict", 'rank', NEW."rank", 'close', NEW."close", 'limit_price', NEW."limit_price", 'rsi', NEW."rsi", 'ema9', NEW."ema9", 'level', NEW."level", 'strength', NEW."strength", 'backtest', NEW."backtest", 'combined', NEW."combined", 'trades', NEW."trades", 'bars', NEW."bars", 'average_turnover', NEW."average_turnover", 'data_state', NEW."data_state", 'data_date', NEW."data_date", 'status', NEW."status", 'created_at', NEW."created_at")); END;

CREATE TRIGGER journal_signals_update AFTER UPDATE ON signals WHEN (1 = 1) AND (OLD."id" IS NOT NEW."id" OR OLD."user" IS NOT NEW."user" OR OLD."instrument_id" IS NOT NEW."instrument_id" OR OLD."symbol" IS NOT NEW."symbol" OR OLD."analysed" IS NOT NEW."analysed" OR OLD."for_session" IS NOT NEW."for_session" OR OLD."verdict" IS NOT NEW."verdict" OR OLD."rank" IS NOT NEW."rank" OR OLD."close" IS NOT NEW."close" OR OLD."limit_price" IS NOT NEW."limit_price" OR OLD."rsi" IS NOT NEW."rsi" OR OLD."ema9" IS NOT NEW."ema9" OR OLD."level" IS NOT NEW."level" OR OLD."strength" IS NOT NEW."strength" OR OLD."backtest" IS NOT NEW."backtest" OR OLD."combined" IS NOT NEW."combined" OR OLD."trades" IS NOT NEW."trades" OR OLD."bars" IS NOT NEW."bars" OR OLD."average_turnover" IS NOT NEW."average_turnover" OR OLD."data_state" IS NOT NEW."data_state" OR OLD."data_date" IS NOT NEW."data_date" OR OLD."status" IS NOT NEW."status" OR OLD."created_at" IS NOT NEW."created_at") BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'signals', CAST(NEW."id" AS text), 'update', json_object('id', NEW."id", 'user', NEW."user", 'instrument_id', NEW."instrument_id", 'symbol', NEW."symbol", 'analysed', NEW."analysed", 'for_session', NEW."for_session", 'verdict', NEW."verdict", 'rank', NEW."rank", 'close', NEW."close", 'limit_price', NEW."limit_price", 'rsi', NEW."rsi", 'ema9', NEW."ema9", 'level', NEW."level", 'strength', NEW."strength", 'backtest', NEW."backtest", 'combined', NEW."combined", 'trades', NEW."trades", 'bars', NEW."bars", 'average_turnover', NEW."average_turnover", 'data_state', NEW."data_state", 'data_date', NEW."data_date", 'status', NEW."status", 'created_at', NEW."created_at")); END;

CREATE TRIGGER journal_task_executions_delete AFTER DELETE ON task_executions WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (OLD."user", 'task_executions', CAST(OLD."id" AS text), 'delete', json_object('id', OLD."id", 'user', OLD."user", 'task', OLD."task", 'session_date', OLD."session_date", 'slot', OLD."slot", 'status', OLD."status", 'attempt', OLD."attempt", 'owner', OLD."owner", 'trigger', OLD."trigger", 'forced', OLD."forced", 'error', OLD."error")); END;

CREATE TRIGGER journal_task_executions_insert AFTER INSERT ON task_executions WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'task_executions', CAST(NEW."id" AS text), 'insert', json_object('id', NEW."id", 'user', NEW."user", 'task', NEW."task", 'session_date', NEW."session_date", 'slot', NEW."slot", 'status', NEW."status", 'attempt', NEW."attempt", 'owner', NEW."owner", 'trigger', NEW."trigger", 'forced', NEW."forced", 'error', NEW."error")); END;

CREATE TRIGGER journal_task_executions_update AFTER UPDATE ON task_executions WHEN (1 = 1) AND (OLD."id" IS NOT NEW."id" OR OLD."user" IS NOT NEW."user" OR OLD."task" IS NOT NEW."task" OR OLD."session_date" IS NOT NEW."session_date" OR OLD."slot" IS NOT NEW."slot" OR OLD."status" IS NOT NEW."status" OR OLD."attempt" IS NOT NEW."attempt" OR OLD."owner" IS NOT NEW."owner" OR OLD."trigger" IS NOT NEW."trigger" OR OLD."forced" IS NOT NEW."forced" OR OLD."error" IS NOT NEW."error") BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'task_executions', CAST(NEW."id" AS text), 'update', json_object('id', NEW."id", 'user', NEW."user", 'task', NEW."task", 'session_date', NEW."session_date", 'slot', NEW."slot", 'status', NEW."status", 'attempt', NEW."attempt", 'owner', NEW."owner", 'trigger', NEW."trigger", 'forced', NEW."forced", 'error', NEW."error")); END;

CREATE TRIGGER journal_task_schedules_delete AFTER DELETE ON task_schedules WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (OLD."user", 'task_schedules', CAST(OLD."user" AS text) || ' ' || CAST(OLD."task" AS text), 'delete', json_object('user', OLD."user", 'task', OLD."task", 'times', OLD."times", 'until', OLD."until", 'every', OLD."every", 'enabled', OLD."enabled")); END;

CREATE TRIGGER journal_task_schedules_insert AFTER INSERT ON task_schedules WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'task_schedules', CAST(NEW."user" AS text) || ' ' || CAST(NEW."task" AS text), 'insert', json_object('user', NEW."user", 'task', NEW."task", 'times', NEW."times", 'until', NEW."until", 'every', NEW."every", 'enabled', NEW."enabled")); END;

CREATE TRIGGER journal_task_schedules_update AFTER UPDATE ON task_schedules WHEN (1 = 1) AND (OLD."user" IS NOT NEW."user" OR OLD."task" IS NOT NEW."task" OR OLD."times" IS NOT NEW."times" OR OLD."until" IS NOT NEW."until" OR OLD."every" IS NOT NEW."every" OR OLD."enabled" IS NOT NEW."enabled") BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'task_schedules', CAST(NEW."user" AS text) || ' ' || CAST(NEW."task" AS text), 'update', json_object('user', NEW."user", 'task', NEW."task", 'times', NEW."times", 'until', NEW."until", 'every', NEW."every", 'enabled', NEW."enabled")); END;

CREATE TRIGGER journal_user_settings_delete AFTER DELETE ON user_settings WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (OLD."user", 'user_settings', CAST(OLD."user" AS text) || ' ' || CAST(OLD."key" AS text), 'delete', json_object('user', OLD."user", 'key', OLD."key", 'value', CASE WHEN OLD.secret THEN NULL ELSE OLD."value" END, 'secret', OLD."secret")); END;

CREATE TRIGGER journal_user_settings_insert AFTER INSERT ON user_settings WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'user_settings', CAST(NEW."user" AS text) || ' ' || CAST(NEW."key" AS text), 'insert', json_object('user', NEW."user", 'key', NEW."key", 'value', CASE WHEN NEW.secret THEN NULL ELSE NEW."value" END, 'secret', NEW."secret")); END;

CREATE TRIGGER journal_user_settings_update AFTER UPDATE ON user_settings WHEN (1 = 1) AND (OLD."user" IS NOT NEW."user" OR OLD."key" IS NOT NEW."key" OR OLD."value" IS NOT NEW."value" OR OLD."secret" IS NOT NEW."secret") BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'user_settings', CAST(NEW."user" AS text) || ' ' || CAST(NEW."key" AS text), 'update', json_object('user', NEW."user", 'key', NEW."key", 'value', CASE WHEN NEW.secret THEN NULL ELSE NEW."value" END, 'secret', NEW."secret")); END;

CREATE TRIGGER journal_user_trading_config_delete AFTER DELETE ON user_trading_config WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (OLD."user", 'user_trading_config', CAST(OLD."user" AS text) || ' ' || CAST(OLD."key" AS text), 'delete', json_object('user', OLD."user", 'key', OLD."key", 'value', OLD."value")); END;

CREATE TRIGGER journal_user_trading_config_insert AFTER INSERT ON user_trading_config WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'user_trading_config', CAST(NEW."user" AS text) || ' ' || CAST(NEW."key" AS text), 'insert', json_object('user', NEW."user", 'key', NEW."key", 'value', NEW."value")); END;

CREATE TRIGGER journal_user_trading_config_update AFTER UPDATE ON user_trading_config WHEN (1 = 1) AND (OLD."user" IS NOT NEW."user" OR OLD."key" IS NOT NEW."key" OR OLD."value" IS NOT NEW."value") BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'user_trading_config', CAST(NEW."user" AS text) || ' ' || CAST(NEW."key" AS text), 'update', json_object('user', NEW."user", 'key', NEW."key", 'value', NEW."value")); END;

CREATE TRIGGER journal_users_delete AFTER DELETE ON users WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (OLD."user", 'users', CAST(OLD."user" AS text), 'delete', json_object('user', OLD."user", 'role', OLD."role", 'trading_state', OLD."trading_state", 'state_reason', OLD."state_reason", 'capital', OLD."capital", 'created_at', OLD."created_at", 'state_until', OLD."state_until")); END;

CREATE TRIGGER journal_users_insert AFTER INSERT ON users WHEN 1 = 1 BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'users', CAST(NEW."user" AS text), 'insert', json_object('user', NEW."user", 'role', NEW."role", 'trading_state', NEW."trading_state", 'state_reason', NEW."state_reason", 'capital', NEW."capital", 'created_at', NEW."created_at", 'state_until', NEW."state_until")); END;

CREATE TRIGGER journal_users_update AFTER UPDATE ON users WHEN (1 = 1) AND (OLD."user" IS NOT NEW."user" OR OLD."role" IS NOT NEW."role" OR OLD."trading_state" IS NOT NEW."trading_state" OR OLD."state_reason" IS NOT NEW."state_reason" OR OLD."capital" IS NOT NEW."capital" OR OLD."created_at" IS NOT NEW."created_at" OR OLD."state_until" IS NOT NEW."state_until") BEGIN INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES (NEW."user", 'users', CAST(NEW."user" AS text), 'update', json_object('user', NEW."user", 'role', NEW."role", 'trading_state', NEW."trading_state", 'state_reason', NEW."state_reason", 'capital', NEW."capital", 'created_at', NEW."created_at", 'state_until', NEW."state_until")); END;
