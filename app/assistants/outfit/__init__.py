"""The outfit assistant: a garment → what goes with it from a catalogue, each match checked."""
