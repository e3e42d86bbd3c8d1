"""Write a report of a period as one file: a page with charts, Markdown, CSV or JSON.

content          the values of a report, as plain dataclasses in paise
ledger_reading   read them from a ledger
trade_lines      make the lines of trades and charges from the accounts
candles          the bars and indicators around each trade
figures          compute growth, drawdown, ratios, months, streaks
alerts           what a person must look at first
page             render the page of a report
sweep_page       render the page of a sweep, with its `heat_map`
templating       fill a template; `templates` and `assets` have the parts of the pages
plain            the same as text, Markdown, CSV and JSON
"""
