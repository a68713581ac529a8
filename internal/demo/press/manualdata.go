package press

// dataTables are the tables of the manual by section, cells split by bars.
func dataTables() map[string]string {
	return map[string]string{
		"Performance": `Product at 25 °C, 35 g/l|l/h|155|160|162
Feed flow|l/min|21|22|22
Working pressure|bar|54|55|56
Salinity of the product|ppm|290|290|310
Recovery|%|12|12|12.3
Rejection of salt|%|99.4|99.4|99.4
Power for a litre|Wh|4.2|3.9|4.6
Time until good water|min|3|3|3`,
		"Dimensions and weights": `Length|mm|1,120|1,120|1,120
Width|mm|410|410|430
Height|mm|355|355|380
Weight, dry|kg|62|62|71
Weight, filled|kg|74|74|83
Feed connection|mm|25|25|25
Product hose|mm|12|12|12
Discharge hose|mm|19|19|19`,
		"Electrical data": `Nominal voltage|V|12|24|230
Lowest voltage at the terminal|V|11.2|22.6|207
Current, running|A|52|26|3.4
Current, starting|A|96|47|16
Fuse|A|80|40|10
Cable up to 5 m|mm2|25|10|1.5
Cable up to 10 m|mm2|35|16|2.5
Protection class|IP|54|54|54`,
		"Limits of use": `Sea temperature, lowest|°C|1|1|1
Sea temperature, highest|°C|36|36|36
Ambient temperature, highest|°C|50|50|50
Highest pressure|bar|62|62|62
Suction height|m|2|2|2
Heel, lasting|degrees|20|20|20
Free chlorine in the flush water|mg/l|0.1|0.1|0.1
Altitude, for lakes of salt|m|900|900|900`,
		"Fluids and capacities": `Oil, high-pressure pump|ml|420|420|420
Oil, change after|h|500|500|500
Preservative for one filling|l|14|14|14
Flush water for one flush|l|38|38|38
Detergent for one cleaning|l|20|20|20
Grease, motor bearing|g|6|6|8`,
		"Record of values": `Feed pressure before the filters|bar||1.4|
Feed pressure behind the filters|bar||1.2|
Working pressure|bar||55|
Product flow|l/h||162|
Salinity|ppm||310|
Sea temperature|°C||11|
Current at 27.4 V|A||25.8|
Date and stamp of the dealer||||`,
		"Parameters": `P01|Language of the panel||en|en, fr, de, it, es
P02|Salinity limit|ppm|500|300 to 900
P03|Automatic flush|h|120|12 to 240
P04|Tank full at|%|95|60 to 100
P05|Start when tank below|%|40|10 to 90
P06|Delay of the low pressure alarm|s|8|2 to 30
P07|Bus instance||0|0 to 15
P08|Brightness at night|%|12|2 to 60
P09|Siren||on|on, off
P10|Pass phrase of the installer||none|8 to 16 signs`,
		"Schedule": `Look for leaks and listen|day in use|-|owner
Clean the sea strainer|week|50 h|owner
Change the prefilters|3 months|100 h|owner
Flush with fresh water|5 days|each use|automatic
Change the pump oil|year|500 h|owner
Calibrate the salinity cell|year|-|dealer
Renew the charcoal filter|6 months|-|owner
Clean the membranes|when flow is down 15 %|-|dealer
Renew valves and packing|3 years|2,000 h|dealer
Renew the membranes|6 years|4,000 h|dealer`,
	}
}
