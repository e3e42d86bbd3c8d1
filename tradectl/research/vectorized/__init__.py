"""Backtest many settings at once, for `sweep`. A *lane* is one instrument with one setting.

Arrays have one value per lane. Lane number = setting number x number of instruments + column of the instrument in the panel. The
trades of a lane equal those of `backtest.engine`; tests compare them.
"""
